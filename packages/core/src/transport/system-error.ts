/**
 * An error as the system would give it, so that channels distinguish refusals and resets, and logs what the network did
 * from faults of the program.
 *
 * @param message - begins with the system call, as Node's do: `read ECONNRESET`
 */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: message.split(' ', 1)[0] });
}
