import { getSystemErrorName } from 'node:util';
import { withoutStack } from '../call/without-stack.ts';

/**
 * Returns an error like the system's own, so that channels distinguish refusals and resets, and logs distinguish
 * events of the network from faults of the program.
 *
 * @param message - text that begins with the system call, like the texts of Node: `read ECONNRESET`
 */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: message.split(' ', 1)[0] });
}

/** Returns the error of a connection that the peer has reset, like Node's own error. */
export function resetError(): Error {
  return withoutStack(() => systemError('ECONNRESET', 'read ECONNRESET'));
}

/** Returns the error of a negative status of the system, like Node's own error: `read ECONNRESET`. It has no stack. */
export function errnoError(operation: string, status: number): Error {
  const code = getSystemErrorName(status);
  const error = withoutStack(() => systemError(code, `${operation} ${code}`));
  return Object.assign(error, { errno: status });
}
