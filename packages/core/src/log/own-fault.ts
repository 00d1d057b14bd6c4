import { isHeadraceError } from '../errors.ts';

/** True for errors of the program's own code, where the reader needs the place; false for what peers and networks do. */
export function isOwnFault(error: Error): boolean {
  try {
    if (!isHeadraceError(error)) return (error as NodeJS.ErrnoException).syscall === undefined;
    if (isHeadraceError(error, 'DECODER_FAILED') || isHeadraceError(error, 'ENCODER_FAILED')) {
      return true;
    }
    if (error.name === 'OptionError' || error.name === 'PipelineError') return true;
    return error.cause instanceof Error && isOwnFault(error.cause);
  } catch {
    return false;
  }
}
