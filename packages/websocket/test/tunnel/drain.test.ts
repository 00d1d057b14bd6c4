// A server that shuts down while clients talk over requests, on a network in memory and in virtual time.
import {
  Bootstrap,
  type Channel,
  type Context,
  DrainEvent,
  DrainStartEvent,
  handler,
  MemoryNetwork,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { HttpEndpoint, type WebSocketChannel, WebSocketTextCodec } from '../../src/index.ts';
import { bytesBody, openBody } from '../../src/tunnel/tunnel-request.ts';
import { clientFrame, textFrame } from '../socket/client-frame.ts';

const CLOSE = clientFrame({ first: 0x88, payload: Buffer.from([3, 0xe9]) });
/** In a close frame: 1001. */
const GOES_AWAY = '\u0003\u00e9';
const IDLE_MS = 10_000;

/** A connection of the client: what the server sends on it. */
class Connection {
  text = '';
  channel!: Channel;

  post(body: Uint8Array): void {
    const head = `POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`;
    this.channel.writeAndFlush(Buffer.concat([Buffer.from(head), body])).onSettled(() => {});
  }

  /** The status of each response, and whether the server has ended the connection. */
  get seen(): readonly unknown[] {
    const statuses = [...this.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) =>
      Number(status),
    );
    return this.channel.isOpen ? statuses : [...statuses, 'ended'];
  }

  /** The frames of the server, as text with all their bytes. */
  get frames(): string {
    return [...this.text.matchAll(/^data: ([+/=\w]+)$/gm)]
      .map(([, data]) => Buffer.from(data!, 'base64').toString('latin1'))
      .join('');
  }
}

describe('a server that shuts down while clients talk over requests', () => {
  let clock: VirtualClock;
  let network: MemoryNetwork;
  let server: Server;
  let sockets: WebSocketChannel[];
  let events: string[];
  let heard: string[];
  let isBroken: boolean;
  /** What the application does in a drain. */
  let onDrain: (event: DrainEvent, ctx: Context) => void;

  beforeEach(async () => {
    [clock, network, sockets, events, heard] = [
      new VirtualClock(),
      new MemoryNetwork(),
      [],
      [],
      [],
    ];
    onDrain = () => {};
    isBroken = false;
    const options = { clock, logger: silentLogger };
    const endpoint = new HttpEndpoint({
      httpTunnel: true,
      timeoutMs: IDLE_MS,
      request: (_request, response) => response.end('page'),
      webSocket: (socket) => {
        sockets.push(socket);
        if (isBroken) socket.abort();
        return socket.pipeline.addLast(
          new WebSocketTextCodec(),
          handler<{ reads: string; passesOn: never; writes: string }>({
            channelRead: (ctx, text) => {
              heard.push(text);
              ctx.writeAndFlush(`heard ${text}`);
            },
            userEventTriggered(ctx: Context, event: unknown) {
              if (event instanceof DrainStartEvent) events.push('start');
              if (event instanceof DrainEvent) {
                events.push(`drain ${event.timeoutMs}`);
                onDrain(event, ctx);
              }
              ctx.fireUserEventTriggered(event);
            },
          }),
        );
      },
    });
    const binding = new ServerBootstrap()
      .options(options)
      .childOptions(options)
      .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
      .bind({ network, name: 'web' });
    await turns();
    server = await binding;
  });

  async function turns(): Promise<void> {
    for (let i = 0; i < 3; i++) await settle(clock);
  }

  async function connect(): Promise<Connection> {
    const connection = new Connection();
    const connecting = new Bootstrap()
      .options({ clock, logger: silentLogger })
      .handler(({ pipeline }) =>
        pipeline.addLast({
          channelRead: (_ctx: Context, bytes: Buffer) => {
            connection.text += bytes.toString('latin1');
          },
        }),
      )
      .connect({ network, name: 'web' });
    connecting.catch(() => {});
    await turns();
    connection.channel = (await connecting) as unknown as Channel;
    return connection;
  }

  /** A session, and the two connections that the client has for it. */
  async function begin(firstStatus = 204) {
    const [answer, posts] = [await connect(), await connect()];
    answer.post(openBody({ subprotocols: [] }));
    await turns();
    const { session } = JSON.parse(/data: (.*)/.exec(answer.text)![1]!) as { session: string };
    const id = Buffer.from(session, 'base64url');
    let number = -1;
    const say = async (bytes: Buffer = Buffer.alloc(0), isLast = false): Promise<void> => {
      number += 1;
      posts.post(bytesBody({ session: id, number, isLast, bytes }));
      await turns();
    };
    await say();
    expect([sockets.length > 0, posts.seen]).toEqual([true, [firstStatus]]);
    return { answer, posts, say };
  }

  /** @returns the time that it took, once it is over */
  function shutdown(drainTimeoutMs = 30_000): () => number | undefined {
    const since = clock.now();
    let took: number | undefined;
    void server.shutdown({ drainTimeoutMs }).then(() => {
      took = clock.now() - since;
    });
    return () => took;
  }

  it('announces the drain in their pipelines, and ends their sessions as WebSockets end', async () => {
    const { answer, posts } = await begin();
    const took = shutdown();
    await turns();
    expect(events).toEqual(['start', 'drain 30000']);
    expect(answer.frames).toContain(`${GOES_AWAY}shutdown`);
    await passTime(clock, 3000);
    expect([answer.seen, posts.seen]).toEqual([
      [200, 'ended'],
      [204, 'ended'],
    ]);
    expect(took()).toBeLessThan(3001);
    expect(clock.pendingTimers).toBe(0);
  });

  it('serves the requests of a session until it ends, and waits for it', async () => {
    let release!: () => void;
    onDrain = (event) => {
      const hold = event.hold('game');
      release = () => hold.release();
    };
    const { answer, posts, say } = await begin();
    const took = shutdown();
    await turns();
    await say(textFrame('one'));
    // Longer than a connection may be idle.
    await passTime(clock, 2 * IDLE_MS);
    await say(textFrame('two'));
    expect([heard, posts.seen]).toEqual([
      ['one', 'two'],
      [204, 204, 204],
    ]);
    expect(answer.frames).toContain('heard two');
    expect(took()).toBeUndefined();
    release();
    await turns();
    expect(answer.frames).toContain(GOES_AWAY);
    await say(CLOSE, true);
    await turns();
    expect([answer.seen.at(-1), posts.seen.at(-1), took()]).toEqual([
      'ended',
      'ended',
      2 * IDLE_MS,
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits no longer than its time', async () => {
    onDrain = (event) => void event.hold('for ever');
    const { answer, posts } = await begin();
    const took = shutdown(5000);
    await passTime(clock, 5000);
    expect([answer.seen, posts.seen]).toEqual([
      [200, 'ended'],
      [204, 'ended'],
    ]);
    expect(took()).toBe(5000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('sends the last words of handlers', async () => {
    onDrain = (event, ctx) => event.lastWord(() => void ctx.writeAndFlush('BYE'));
    const { answer } = await begin();
    shutdown();
    await turns();
    expect(answer.frames).toMatch(new RegExp(`BYE.*${GOES_AWAY}`, 's'));
  });

  it('refuses a new session with 503 and Retry-After on a connection that it keeps for another', async () => {
    onDrain = (event) => void event.hold('game');
    const { posts, say } = await begin();
    shutdown();
    await turns();
    posts.post(openBody({ subprotocols: [] }));
    await turns();
    expect([posts.seen, sockets.length]).toEqual([[204, 503], 1]);
    expect(posts.text).toMatch(/Retry-After: \d+\r\n/);
    await say(textFrame('still'));
    expect([heard, posts.seen]).toEqual([['still'], [204, 503, 204]]);
  });

  it('keeps the connection of a session that is quiet, until the session ends', async () => {
    const { posts, say, answer } = await begin();
    await passTime(clock, 10 * IDLE_MS);
    await say(textFrame('late'));
    expect([heard, posts.seen]).toEqual([['late'], [204, 204]]);
    answer.channel.abort();
    await turns();
    await passTime(clock, IDLE_MS - 1);
    expect(posts.seen).toEqual([204, 204]);
    await passTime(clock, 1);
    await turns();
    expect(posts.seen).toEqual([204, 204, 'ended']);
  });

  it('keeps one connection of a session: that of its last request', async () => {
    onDrain = (event) => void event.hold('game');
    const { posts, say } = await begin();
    const first = { ...posts, channel: posts.channel };
    const other = await connect();
    [posts.channel, other.channel] = [other.channel, posts.channel];
    await say(textFrame('from another one'));
    expect(heard).toEqual(['from another one']);
    shutdown();
    await turns();
    expect([first.channel.isOpen, posts.channel.isOpen]).toEqual([false, true]);
  });

  it('keeps no connection of a session that ends with its first request', async () => {
    isBroken = true;
    const { posts } = await begin(404);
    await passTime(clock, IDLE_MS);
    await turns();
    expect(posts.seen).toEqual([404, 'ended']);
  });

  it('gives a request on a kept connection no more time than any other', async () => {
    const { posts } = await begin();
    posts.channel.writeAndFlush(Buffer.from('POST /ws HTTP/1.1\r\nHost: a\r\n'));
    await turns();
    await passTime(clock, IDLE_MS - 1);
    expect(posts.seen).toEqual([204]);
    await passTime(clock, 1);
    await turns();
    expect(posts.seen).toEqual([204, 408, 'ended']);
  });
});
