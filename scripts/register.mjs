// `node --conditions=@headrace/source --import ./scripts/register.mjs FILE.ts` runs TypeScript
// from source: installs what is missing, then teaches Node to read TypeScript with decorators.
import { isMainThread } from 'node:worker_threads';
import { installMissing } from './install.mjs';

if (isMainThread) {
  installMissing();
  endWithParent();
}
await import('@oxc-node/core/register');

/**
 * Ends this program in good order when the `npm start` above it was ended. npm passes SIGTERM to
 * the shell between us only, and Debian's shell dies of it without telling its child.
 */
function endWithParent() {
  if (process.env['npm_lifecycle_event'] === undefined || process.platform === 'win32') return;
  const parent = process.ppid;
  const stop = () => clearInterval(timer);
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    stop();
    process.kill(process.pid, 'SIGTERM');
  }, 250).unref();
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      stop();
      // Where the program itself does not listen, the signal does what it always does.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}
