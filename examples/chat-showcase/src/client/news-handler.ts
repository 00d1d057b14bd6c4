import type { Context, Handler, Types } from '@headrace/core';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';
import type { PageMessage } from '../page-line/page-message.ts';

const KINDS: ReadonlySet<unknown> = new Set(['history', 'ways', 'pipeline', 'steps', 'vitals']);

/**
 * Takes the messages of the page's own line, which are binary, out of those of the chat.
 *
 * - **Place** first on a WebSocket, before the codec that refuses binary messages.
 */
export class NewsHandler implements Handler {
  declare readonly types: Types<{
    reads: WebSocketInput;
    passesOn: WebSocketInput;
    writes: WebSocketOutput;
  }>;
  private readonly onNews: (news: PageMessage) => void;

  constructor(onNews: (news: PageMessage) => void) {
    this.onNews = onNews;
  }

  channelRead(ctx: Context, message: WebSocketInput): void {
    if (!(message instanceof Uint8Array)) {
      ctx.fireChannelRead(message);
      return;
    }
    const news = parseNews(message);
    if (news !== undefined) this.onNews(news);
  }
}

/** `undefined` for what this page does not know: an older page may meet a newer server. */
function parseNews(bytes: Buffer): PageMessage | undefined {
  try {
    const news = JSON.parse(bytes.toString()) as PageMessage | null;
    return KINDS.has(news?.kind) ? (news as PageMessage) : undefined;
  } catch {
    return undefined;
  }
}
