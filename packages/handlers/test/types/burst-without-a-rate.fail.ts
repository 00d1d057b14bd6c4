// expect: not assignable to
import { CallLimit } from '@headrace/handlers/service';

new CallLimit({ concurrency: 16, burst: 4 }); // here
