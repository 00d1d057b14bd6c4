/** `@headrace/handlers/service` under the name of the umbrella package. @module */
export * from '@headrace/handlers/service';
