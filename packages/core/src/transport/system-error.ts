import { getSystemErrorName } from 'node:util';

/**
 * An error as the system would give it, so that channels distinguish refusals and resets, and logs what the network did
 * from faults of the program.
 *
 * @param message - begins with the system call, as Node's do: `read ECONNRESET`
 */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: message.split(' ', 1)[0] });
}

/** The error of a negative status of the system, as Node's own: `read ECONNRESET`. */
export function errnoError(operation: string, status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(systemError(code, `${operation} ${code}`), { errno: status });
}
