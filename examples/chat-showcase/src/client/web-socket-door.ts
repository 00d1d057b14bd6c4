import { silentLogger } from '@headrace/core';
import { Buffer } from '@headrace/core/buffer';
import { WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
import type { PageMessage } from '../page-line/page-message.ts';
import type { Door } from './door.ts';
import { NewsHandler } from './news-handler.ts';

/** The text of another member may be as long as ours; the panel's news are longer. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * A WebSocket, which carries the page's own line as well: the page's way.
 *
 * @param url - in a page relative to it: `/ws`
 * @param onNews - gets what the server says on the page's own line
 */
export function webSocketDoor(url: string, onNews: (news: PageMessage) => void): Door<string> {
  return {
    addresses: [url],
    connector: (install) =>
      new WebSocketBootstrap()
        .options({ logger: silentLogger, maxMessageBytes: MAX_MESSAGE_BYTES })
        .handler(({ pipeline }) =>
          install(pipeline.addLast(new NewsHandler(onNews), new WebSocketTextCodec())),
        ),
    ask: ({ pipeline }, word) => {
      pipeline.context(NewsHandler)?.writeAndFlush(Buffer.from(word));
    },
  };
}
