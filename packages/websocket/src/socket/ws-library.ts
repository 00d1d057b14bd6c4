import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as imported from 'ws';
import type { MessageDeflate } from './message-deflate.ts';

/** What a header `Sec-WebSocket-Extensions` says: for each extension the parameters of each of its offers. */
type ExtensionOffers = Readonly<Record<string, readonly object[] | undefined>>;

/** What the library exports and its types leave out. */
interface Untyped {
  readonly PerMessageDeflate: {
    new (options: object): MessageDeflate;
    readonly extensionName: string;
  };
  readonly extension: {
    parse(header: string): ExtensionOffers;
    format(extensions: object): string;
  };
  readonly subprotocol: { parse(header: string): Set<string> };
}

type WsLibrary = typeof imported & Untyped;

/**
 * The `ws` library itself. Bun puts a WebSocket of its own in place of every import of `ws`: it has no limit for
 * fragments, and does not leave the close to us. There the library is loaded by its file.
 */
export const { WebSocket, PerMessageDeflate, extension, subprotocol }: WsLibrary =
  process.versions['bun'] === undefined ? (imported as WsLibrary) : loadWs(import.meta.url);

/** @param from - the URL of the module that `ws` is looked for from */
export function loadWs(from: string): WsLibrary {
  const require = createRequire(from);
  try {
    return require(join(dirname(require.resolve('ws/package.json')), 'index.js'));
  } catch (cause) {
    const text =
      'the package "ws" is not found as files: a bundle must leave it out (--external ws)';
    throw new Error(text, { cause });
  }
}
