// Installs the new project's dependencies.
import { spawn } from 'node:child_process';
import type { PackageManager } from './package-manager.ts';

/** The result of an installation. */
export interface Installed {
  readonly ok: boolean;
  /** The output of the package manager. */
  readonly output: string;
}

/**
 * Runs the package manager's `install` in the folder. The signal ends the process. After the promise settles, the process writes
 * no more files.
 */
export function install(
  manager: PackageManager,
  folder: string,
  signal: AbortSignal,
): Promise<Installed> {
  return new Promise((resolve) => {
    const quiet = manager === 'npm' ? ['--no-audit', '--no-fund', '--loglevel=error'] : [];
    const child = spawn(manager, ['install', ...quiet], {
      cwd: folder,
      signal,
      stdio: ['ignore', 'pipe', 'pipe'],
      // npm is a .cmd file on Windows.
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-4000);
      });
    }
    // A process that the signal ends can still write until it closes.
    child.once('error', ({ message }) => {
      if (child.pid === undefined) resolve({ ok: false, output: message });
    });
    child.once('close', (code) => resolve({ ok: code === 0, output: output.trim() }));
  });
}
