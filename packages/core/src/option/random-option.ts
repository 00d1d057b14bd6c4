import { toError } from '../errors.ts';
import { checkFunction } from './function-option.ts';
import { custom, type Same } from './option-kind.ts';

/** By its name at each call: a simulation that begins later forbids it. */
const systemRandom: () => number = () => Math.random();

/**
 * The option `random`: the resolved function never throws, because it is called in timers and
 * between steps of a protocol.
 */
export const RANDOM = custom(
  'a function that returns a number from 0 to 1',
  (name, given: () => number) => {
    const purpose = 'returns a number from 0 to 1';
    const random = checkFunction(name, given, { answers: 'at once', takes: 0, purpose });
    const isOfSystem = given === systemRandom || given === Math.random;
    return (isOfSystem ? given : unfailing(random)) as unknown as Same;
  },
  { default: systemRandom },
);

/** The failure of the application's function is a warning of the process; `Math.random` stands in. */
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
