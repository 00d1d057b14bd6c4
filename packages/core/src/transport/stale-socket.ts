import { lstat, unlink } from 'node:fs';
import net from 'node:net';

/**
 * The socket file that a listener finds in its place. If the option requests it, the file is deleted once, but only
 * if no process listens on the file.
 */
export class StaleSocketFile {
  private readonly path: string | undefined;
  private hasTried = false;

  /** @param target - place of the listener; a port has no file */
  constructor(
    target: { readonly path: string; readonly replaceStale?: boolean } | { readonly port: number },
  ) {
    this.path = 'path' in target && target.replaceStale === true ? target.path : undefined;
  }

  /**
   * Returns true if the listener can try again after this error. Later, `done` receives whether the file was deleted.
   */
  isInTheWay(error: NodeJS.ErrnoException, done: (isRemoved: boolean) => void): boolean {
    if (error.code !== 'EADDRINUSE' || this.hasTried || this.path === undefined) return false;
    this.hasTried = true;
    removeStaleSocket(this.path, done);
    return true;
  }
}

/** Deletes a socket file without a listener, for example of a crashed program. Reports whether the file was deleted. */
function removeStaleSocket(path: string, done: (isRemoved: boolean) => void): void {
  lstat(path, (failure, found) => {
    // A plain file also refuses connections, but must not be deleted.
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
