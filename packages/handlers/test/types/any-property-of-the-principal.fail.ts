// expect: 'event.principal' is of type 'unknown'
import { AuthenticatedEvent } from '@headrace/handlers';

declare const event: unknown;

if (event instanceof AuthenticatedEvent) event.principal.name;
