import { lstat, unlink } from 'node:fs';
import net from 'node:net';

/** Deletes a socket file that nobody listens on, as a program that crashed leaves it; reports whether it did. */
export function removeStaleSocket(path: string, done: (isRemoved: boolean) => void): void {
  lstat(path, (failure, found) => {
    // A plain file refuses connections, too, and is not ours to delete.
    if (failure !== null || !found.isSocket()) done(false);
    else removeIfRefusing(path, done);
  });
}

function removeIfRefusing(path: string, done: (isRemoved: boolean) => void): void {
  const probe = net.connect({ path });
  probe.once('connect', () => {
    probe.destroy();
    done(false);
  });
  probe.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNREFUSED') done(false);
    else unlink(path, (failure) => done(failure === null));
  });
}
