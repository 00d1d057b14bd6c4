// expect: not assignable to
import { CallLimit } from '@headrace/rpc';

new CallLimit({ concurrency: 16, burst: 4 }); // here
