import { OptionError, systemClock } from '@headrace/core';
import { shownUrl, urlOf } from '@headrace/core/authoring';
import {
  checkSubprotocols,
  OWN_OPTIONS,
  type WebSocketClientOptions,
} from '../client/web-socket-client-options.ts';
import { MESSAGE_LIMITS } from '../socket/message-limits.ts';
import type { PageSocket } from './page-socket.ts';
import { PageTransport } from './page-transport.ts';

/** Options that must not be set in a page, each with the page's substitute. */
const NOT_IN_A_PAGE = {
  headers: 'a page sets no headers; sign in by a subprotocol, a cookie, or the first message',
  origin: 'the browser sends the origin of the page',
  tls: 'the browser checks the certificate of a wss: URL',
} as const;

type PageSocketClass = new (url: string, subprotocols: readonly string[]) => PageSocket;

/** Creates a transport that uses the page's own `WebSocket`. */
export function dial(address: string | URL, options: WebSocketClientOptions): PageTransport {
  checkForPages(options);
  const url = addressOf(address);
  const { maxMessageBytes } = MESSAGE_LIMITS.part(options);
  const { subprotocols } = OWN_OPTIONS.part(options);
  checkSubprotocols(subprotocols);
  return new PageTransport({
    clock: options.clock ?? systemClock,
    maxMessageBytes,
    url,
    subprotocols,
    dial: () => new (pageWebSocket())(url, subprotocols),
  });
}

function pageWebSocket(): PageSocketClass {
  const { WebSocket } = globalThis as { readonly WebSocket?: unknown };
  if (typeof WebSocket === 'function') return WebSocket as PageSocketClass;
  throw new OptionError('OPTION_CONFLICT', 'this runtime has no WebSocket', { option: 'url' });
}

/** Returns the URL of an address, which can be relative to the page, for example `/ws`. */
function addressOf(address: string | URL): string {
  const url = urlOf(address);
  if (url !== undefined) {
    url.protocol = url.protocol.replace(/^http/, 'ws');
    if (/^wss?:$/.test(url.protocol) && url.hash === '') return url.href;
  }
  const text = `${shownUrl(address)} is not a URL of a WebSocket: it must begin with ws: or wss:, and have no fragment`;
  throw new OptionError('OPTION_INVALID', text, { option: 'url', value: shownUrl(address) });
}

function checkForPages(options: WebSocketClientOptions): void {
  for (const [option, why] of Object.entries(NOT_IN_A_PAGE)) {
    if (options[option as keyof typeof NOT_IN_A_PAGE] === undefined) continue;
    const text = `${option} cannot be used in a page: ${why}`;
    throw new OptionError('OPTION_CONFLICT', text, { option });
  }
}
