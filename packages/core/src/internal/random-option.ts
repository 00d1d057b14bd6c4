import { toError } from '../errors.ts';
import { atOnce } from './at-once.ts';
import { checkFunction } from './option-check.ts';
import { custom, type Same } from './option-kind.ts';

/** The option `random`: what is resolved never throws, because it is called in timers and between steps of a protocol. */
export const RANDOM = custom(
  'a function that returns a number from 0 to 1',
  (name, given: () => number) => {
    const random = checkFunction(name, given, 'returns a number from 0 to 1');
    return unfailing(random) as unknown as Same;
  },
  { default: Math.random },
);

/** The failure of the application's function is a warning of the process; `Math.random` stands in. */
function unfailing(random: () => number): () => number {
  if (random === Math.random) return random;
  return () => {
    try {
      return atOnce('random', random());
    } catch (thrown) {
      process.emitWarning(toError(thrown));
      return Math.random();
    }
  };
}
