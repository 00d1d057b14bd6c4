import { lstat, unlink } from 'node:fs';
import net from 'node:net';

/**
 * The socket file that a listener finds in its place: deleted once, if that is asked for and no
 * process listens on it.
 */
export class StaleSocketFile {
  private readonly path: string | undefined;
  private hasTried = false;

  /** @param target - of the listener; a port has no file */
  constructor(
    target: { readonly path: string; readonly replaceStale?: boolean } | { readonly port: number },
  ) {
    this.path = 'path' in target && target.replaceStale === true ? target.path : undefined;
  }

  /**
   * True if the listening that failed with this error may be tried again; `done` gets later whether the file is gone.
   */
  isInTheWay(error: NodeJS.ErrnoException, done: (isRemoved: boolean) => void): boolean {
    if (error.code !== 'EADDRINUSE' || this.hasTried || this.path === undefined) return false;
    this.hasTried = true;
    removeStaleSocket(this.path, done);
    return true;
  }
}

/**
 * Deletes a socket file without a listener, as a crashed program leaves it; reports whether it did.
 */
function removeStaleSocket(path: string, done: (isRemoved: boolean) => void): void {
  lstat(path, (failure, found) => {
    // A plain file refuses connections, too, and is not ours to delete.
    if (failure || !found.isSocket()) done(false);
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
    else unlink(path, (failure) => done(!failure));
  });
}
