import { toError } from '../errors.ts';
import { checkFunction } from './function-option.ts';
import { custom, type Same } from './option-kind.ts';

/** Looks up `Math.random` at each call, because a test may replace it later. */
const systemRandom: () => number = () => Math.random();

/** The option `random`. The resolved function never throws, because timers and steps of protocols call it. */
export const RANDOM = custom(
  'a function that returns a number from 0 to 1',
  (name, given: () => number) => {
    const purpose = 'returns a number from 0 to 1';
    const random = checkFunction(name, given, { answers: 'sync', takes: 0, purpose });
    const isOfSystem = given === systemRandom || given === Math.random;
    return (isOfSystem ? given : unfailing(random)) as unknown as Same;
  },
  { default: systemRandom },
);

/** Replaces a failed call of the application's function by `Math.random`, with a warning of the process. */
function unfailing(random: () => number): () => number {
  return () => {
    try {
      return random();
    } catch (thrown) {
      process.emitWarning(toError(thrown));
      return Math.random();
    }
  };
}
