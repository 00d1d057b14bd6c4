// The server's end: the page's files, and lasting channels over its WebSockets.
import { type Channel, type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import { type LastingChannel, ResumeHandler, ResumeTable } from '@headrace/lasting';
import {
  type BinaryExchange,
  binaryExchange,
  ExchangeHandler,
  type ExchangeScope,
} from '@headrace/rpc';
import { HttpEndpoint, WEB_SOCKET_CLOSE, WebSocketBinaryCodec } from '@headrace/websocket';
import type { Plugin } from 'rolldown';
import { bundlePage } from '../../src/page/bundle.ts';
import type { Ledger } from './numbered-talk.ts';
import { NumberedTalk } from './numbered-talk.ts';
import { CREDIT_BYTES } from './settings.ts';

/** The page's program, in one file; of packages that are broken, if it is said how. */
export const bundleTalkingPage = (...broken: Plugin[]): Promise<string> =>
  bundlePage('../../test/browser/talking-page.ts', broken);

/** What a server shares with the one that takes its place: what the application would store. */
export interface TalkStore {
  readonly ledger: Ledger;
  /** The texts of calls, as often as they were executed. */
  readonly executed: string[];
  readonly cancelled: string[];
  /** Called with each call that waits: its answer follows when the function that it gets is called. */
  onWait?: (answer: () => void) => void;
}

/** The browser has closed the WebSocket of its page, which is most often gone for good. */
const windowOf = (link: Channel): number | undefined =>
  link.attributes.get(WEB_SOCKET_CLOSE)?.code === GOING_AWAY ? PAGE_LEFT_MS : undefined;

const GOING_AWAY = 1001;
const PAGE_LEFT_MS = 1500;

export interface TalkServerOptions {
  readonly program: string;
  readonly store: TalkStore;
  readonly windowMs: number;
  readonly port?: number;
  /** Of the server that was there before, if its process goes on. */
  readonly table?: ResumeTable;
}

export class TalkServer {
  readonly port: number;
  readonly table: ResumeTable;
  /** The lasting channels, in the order in which they were opened. */
  readonly channels: Channel[];
  private readonly server: Server;

  private constructor(server: Server, table: ResumeTable, channels: Channel[]) {
    this.server = server;
    this.port = server.port;
    this.table = table;
    this.channels = channels;
  }

  static async start(options: TalkServerOptions): Promise<TalkServer> {
    const { program, store, windowMs, port = 0 } = options;
    const table =
      options.table ?? new ResumeTable({ windowMs, windowOf, creditBytes: CREDIT_BYTES });
    const channels: Channel[] = [];
    const childHandler = (channel: LastingChannel): void => {
      channels.push(channel as unknown as Channel);
      const handle = (request: Buffer, scope: ExchangeScope) =>
        answer(String(request), scope, store);
      channel.pipeline.addLast(
        new NumberedTalk(store.ledger),
        new ExchangeHandler<BinaryExchange>({ format: binaryExchange(), handle }),
      );
    };
    const files = new Map([
      ['/', ['text/html', '<!doctype html><script type="module" src="/page.js"></script>']],
      ['/page.js', ['text/javascript', program]],
      ['/elsewhere', ['text/html', '<!doctype html>']],
    ]);
    const endpoint = new HttpEndpoint({
      webSocketPath: '/talk',
      // The page comes from here, its WebSockets through a proxy.
      allowOrigin: () => true,
      webSocket: (link) =>
        link.pipeline.addLast(
          new WebSocketBinaryCodec(),
          new HeartbeatHandler({ format: emptyFrameHeartbeat(), silenceMs: 2000 }),
          new ResumeHandler({ table, childHandler }),
        ),
      request: (request, response) => {
        const [type, body] = files.get(new URL(request.url!, 'http://host').pathname) ?? [];
        response.writeHead(body === undefined ? 404 : 200, {
          'content-type': type ?? 'text/plain',
        });
        response.end(body);
      },
    });
    const server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((connection) => connection.pipeline.addLast(endpoint.handler()))
      .bind({ host: '127.0.0.1', port });
    return new TalkServer(server, table, channels);
  }

  /** Its connections end, and nobody listens; the table has the lasting channels still. */
  closeListener(): Promise<void> {
    return this.server.close();
  }

  /** As the end of a process: the lasting channels are gone, too. */
  async close(): Promise<void> {
    await this.server.close();
    this.table.close();
  }
}

function answer(
  text: string,
  { signal }: ExchangeScope,
  store: TalkStore,
): Buffer | Promise<Buffer> {
  store.executed.push(text);
  const said = Buffer.from(`heard ${text}`);
  if (!text.startsWith('wait')) return said;
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => store.cancelled.push(text));
    store.onWait?.(() => resolve(said));
  });
}
