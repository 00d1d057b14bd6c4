export {
  clearImmediate,
  clearInterval,
  clearTimeout,
  setImmediate,
  setInterval,
  setTimeout,
} from './globals.ts';

import * as timers from './globals.ts';

export default timers;
