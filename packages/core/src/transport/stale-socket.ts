import { unlink } from 'node:fs';
import net from 'node:net';

/** Deletes a socket file that nobody listens on, as a program that crashed leaves it; tells whether it did. */
export function removeStaleSocket(path: string, done: (isRemoved: boolean) => void): void {
  const probe = net.connect({ path });
  probe.once('connect', () => {
    probe.destroy();
    done(false);
  });
  probe.once('error', (error: NodeJS.ErrnoException) => {
    // Only a refusal proves that nobody is there; a plain file is not ours to delete (ENOTSOCK).
    if (error.code !== 'ECONNREFUSED') done(false);
    else unlink(path, (failure) => done(failure === null));
  });
}
