// The server of tabs that share one connection: what it opened, and the calls that it has under way.
import { type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { ExchangeHandler } from '@headrace/rpc';
import { HttpEndpoint, type WebSocketChannel } from '@headrace/websocket';
import { bundlePage } from '../../src/page/bundle.ts';
import { calls } from '../../src/tabs/calls.ts';

/** What the program of a tab leaves in its global object. */
export interface Tab {
  readonly heard: string[];
  readonly events: string[];
  call(text: string): Promise<string>;
}

/** The programs of a tab and of its worker, in one file each. */
export interface TabPrograms {
  readonly tab: string;
  readonly worker: string;
}

export async function bundleTabs(): Promise<TabPrograms> {
  return { tab: await bundlePage('../tabs/tab.ts'), worker: await bundlePage('../tabs/shared.ts') };
}

/** The text of a call that is answered with the next {@link TabWorld.answer}. */
export const WAITS = 'waits';

export class TabWorld {
  /** The WebSockets that are open. */
  readonly sockets = new Set<WebSocketChannel>();
  /** How many WebSockets there were. */
  opened = 0;
  /** Calls whose caller left. */
  cancelled = 0;
  private readonly waiting = new Set<() => void>();
  private server!: Server;

  static async begin({ tab, worker }: TabPrograms): Promise<TabWorld> {
    const script = '<script type="module" src="/tab.js"></script>';
    const files = new Map([
      ['/', ['text/html', script]],
      // As a browser without shared workers.
      ['/old', ['text/html', `<script>delete globalThis.SharedWorker</script>${script}`]],
      ['/tab.js', ['text/javascript', tab]],
      ['/shared.js', ['text/javascript', worker]],
    ]);
    const world = new TabWorld();
    const endpoint = new HttpEndpoint({
      webSocket: (channel) => world.handle(channel),
      request: (request, response) => {
        const [type, body] = files.get(request.url ?? '') ?? ['text/plain', ''];
        response.writeHead(200, { 'content-type': type });
        response.end(body);
      },
    });
    world.server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((connection) => connection.pipeline.addLast(endpoint.handler()))
      .bind({ host: '127.0.0.1', port: 0 });
    return world;
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  /** How many calls wait for {@link answer}. */
  get underWay(): number {
    return this.waiting.size;
  }

  /** Answers the calls that wait. */
  answer(): void {
    for (const done of this.waiting) done();
  }

  /** Notifies whoever is connected. */
  tell(text: string): void {
    for (const { pipeline } of this.sockets) {
      pipeline.get(ExchangeHandler)!.notify(Buffer.from(text));
    }
  }

  cut(): void {
    for (const socket of this.sockets) socket.abort();
  }

  end(): Promise<void> {
    return this.server.close();
  }

  private handle(channel: WebSocketChannel): void {
    this.opened += 1;
    this.sockets.add(channel);
    channel.onClosed(() => this.sockets.delete(channel));
    calls((request, { signal }) => {
      const said = Buffer.from(`you said ${request}`);
      if (!String(request).startsWith(WAITS)) return said;
      return new Promise((resolve) => {
        const done = (): void => {
          this.waiting.delete(done);
          resolve(said);
        };
        this.waiting.add(done);
        signal.addEventListener('abort', () => {
          if (this.waiting.has(done)) this.cancelled += 1;
          done();
        });
      });
    })(channel);
  }
}
