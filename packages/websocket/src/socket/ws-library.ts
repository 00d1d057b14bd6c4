import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as imported from 'ws';

/**
 * The `ws` library itself. Bun puts a WebSocket of its own in place of every import of `ws`: it has no limit for
 * fragments, and does not leave the close to us. There the library is loaded by its file.
 */
export const { WebSocket, WebSocketServer }: typeof imported =
  process.versions['bun'] === undefined ? imported : loadWs(import.meta.url);

/** @param from - the URL of the module that `ws` is looked for from */
export function loadWs(from: string): typeof imported {
  const require = createRequire(from);
  try {
    return require(join(dirname(require.resolve('ws/package.json')), 'index.js'));
  } catch (cause) {
    const text =
      'the package "ws" is not found as files: a bundle must leave it out (--external ws)';
    throw new Error(text, { cause });
  }
}
