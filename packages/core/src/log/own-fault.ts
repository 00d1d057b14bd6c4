import { DecodeError, isHeadraceError } from '../errors.ts';

/**
 * Returns true if the error comes from the program's own code, so that the log shows its stack. Returns false if a peer or
 * the network caused the error.
 */
export function isOwnFault(error: Error): boolean {
  try {
    if (!isHeadraceError(error)) return (error as NodeJS.ErrnoException).syscall === undefined;
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
