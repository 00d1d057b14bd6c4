// expect: Argument of type '{}' is not assignable to parameter of type 'CallLimitOptions'
import { CallLimit } from '@headrace/rpc';

new CallLimit({}); // here
