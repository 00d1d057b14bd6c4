import { DecodeError, isHeadraceError } from '../errors.ts';

/** Errors that show a mistake in the code, in whichever function they are thrown. */
const MISTAKES = /^(Type|Reference|Syntax|Range|Assertion)Error$/;
const expected = new WeakSet<Error>();

/**
 * Marks the error of a function of the application that may fail for each connection, such as a connect to another server: the
 * log shows it as one line, without a stack. A `TypeError` and other errors of mistakes in the code keep their stacks.
 *
 * @returns the error
 */
export function markExpected(error: Error): Error {
  if (!MISTAKES.test(error.name)) expected.add(error);
  return error;
}

/**
 * Returns true if the error comes from the program's own code, so that the log shows its stack. Returns false if a peer or
 * the network caused the error, or {@link markExpected} has marked it.
 */
export function isOwnFault(error: Error): boolean {
  try {
    if (!isHeadraceError(error)) {
      return (error as NodeJS.ErrnoException).syscall === undefined && !expected.has(error);
    }
    if (isHeadraceError(error, 'DECODER_FAILED') || isHeadraceError(error, 'ENCODER_FAILED')) {
      return true;
    }
    if (error.name === 'OptionError' || error.name === 'PipelineError') return true;
    // The cause is the error of a library that refused the bytes of the peer.
    if (error instanceof DecodeError) return false;
    return error.cause instanceof Error && isOwnFault(error.cause);
  } catch {
    return false;
  }
}
