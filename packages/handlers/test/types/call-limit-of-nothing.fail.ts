// expect: Argument of type '{}' is not assignable to parameter of type 'CallLimitOptions'
import { CallLimit } from '@headrace/handlers/service';

new CallLimit({}); // here
