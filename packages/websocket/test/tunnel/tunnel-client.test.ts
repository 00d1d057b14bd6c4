// The client's end of a tunnel, with a server in memory and a virtual clock.
import { type Channel, connectChannel, MemoryTransport, silentLogger } from '@headrace/core';
import { settle, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type FetchedAnswer, type FetchRequest, TunnelEnd } from '../../src/client/tunnel-end.ts';
import { bytesEvents, namedEvent } from '../../src/tunnel/event-stream.ts';
import { type BytesRequest, readBody } from '../../src/tunnel/tunnel-request.ts';

const id = Buffer.alloc(24, 7);

class FakeServer {
  readonly posts: BytesRequest[] = [];
  /** The answers to the next requests with bytes; 204 without. An `Error` is a request that got none. */
  readonly answers: (number | Error | Promise<number>)[] = [];
  openStatus = 200;
  private stream!: ReadableStreamDefaultController<Uint8Array>;
  private readonly body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      this.stream = controller;
    },
  });

  readonly fetch = async (_url: string, request: FetchRequest): Promise<FetchedAnswer> => {
    const read = readBody(Buffer.from(request.body))!;
    if (!('session' in read)) {
      return { status: this.openStatus, body: this.body as unknown as FetchedAnswer['body'] };
    }
    this.posts.push(read);
    const answer = read.number === 0 ? 204 : await (this.answers.shift() ?? 204);
    if (answer instanceof Error) throw answer;
    return { status: answer, body: null };
  };

  says(text: string): void {
    this.stream.enqueue(Buffer.from(text));
  }
  opens(subprotocol?: string): void {
    const session = id.toString('base64url');
    this.says(namedEvent('open', JSON.stringify({ session, subprotocol })));
  }
  cuts(): void {
    this.stream.error(new Error('terminated'));
  }
}

describe('a client of a tunnel', () => {
  let clock: VirtualClock;
  let server: FakeServer;
  let heard: string[];

  beforeEach(() => {
    clock = new VirtualClock();
    server = new FakeServer();
    heard = [];
  });

  function connect(fetch = server.fetch, subprotocols: string[] = []): Promise<Channel> {
    const end = new TunnelEnd({
      clock,
      url: 'http://host/ws',
      headers: {},
      subprotocols,
      answerTimeoutMs: 5000,
      fetch,
    });
    const transport = MemoryTransport.over(clock, end, () => end.dial());
    const channel = connectChannel(transport, {
      clock,
      logger: silentLogger,
      outboundStallMs: false,
      initialize: ({ pipeline }) =>
        void pipeline.addLast({ channelRead: (_ctx, bytes) => void heard.push(String(bytes)) }),
    });
    channel.catch(() => {});
    return channel;
  }

  it('keeps the time after which a server that refuses wants it back', async () => {
    const headers = new Headers({ 'Retry-After': '20' });
    const refused = connect(async () => ({ status: 503, headers, body: null }));
    await settle(clock);
    await expect(refused).rejects.toMatchObject({
      details: { statusCode: 503, retryAfterMs: 20_000 },
    });
  });

  /** @param fetch - notes what goes to the server */
  async function connected(fetch?: typeof server.fetch): Promise<Channel> {
    const channel = connect(fetch);
    server.opens();
    await settle(clock);
    return channel;
  }

  async function pause(waitMs: number): Promise<void> {
    await settle(clock);
    clock.advance(waitMs);
    await settle(clock);
  }

  it('is open when three requests have reached the server that has the session', async () => {
    const channel = await connected();
    expect(server.posts.map(({ number, session }) => [number, session])).toEqual([
      [0, id],
      [0, id],
      [0, id],
    ]);
    expect(channel.isActive).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    ['a length for a session', '{"session":{"length":8e8}}'],
    ['an array for a session', '{"session":[1,2]}'],
    ['a short session', '{"session":"AAAA"}'],
    ['a long session', JSON.stringify({ session: 'A'.repeat(5000) })],
    ['a number for a subprotocol', JSON.stringify({ session: 'A'.repeat(32), subprotocol: 1 })],
    ['no object', 'null'],
    ['no JSON', '{'],
  ])('refuses an answer of %s at once', async (_what, data) => {
    const channel = connect();
    server.says(namedEvent('open', data));
    await settle(clock);
    await expect(channel).rejects.toMatchObject({
      code: 'HR_ERR_MESSAGE_INVALID',
      message: 'the answer of http://host/ws is not the answer of a server for tunnels',
    });
    expect([server.posts, clock.pendingTimers]).toEqual([[], 0]);
  });

  it('reads the events as bytes, however they are cut, and no comment', async () => {
    await connected();
    const text = `:\n\n${bytesEvents(Buffer.from('hello'))}:\n\n${bytesEvents(Buffer.from('!'))}`;
    for (const letter of text) server.says(letter);
    await settle(clock);
    expect(heard.join('')).toBe('hello!');
  });

  it('has one request under way; what is written meanwhile goes together with the next one', async () => {
    const channel = await connected();
    let answer: (status: number) => void = () => {};
    server.answers.push(
      new Promise<number>((resolve) => {
        answer = resolve;
      }),
    );
    channel.writeAndFlush(Buffer.from('a'));
    const later = ['b', 'c', 'd'].map((text) => channel.writeAndFlush(Buffer.from(text)));
    await settle(clock);
    expect(server.posts.slice(3).map(({ bytes }) => String(bytes))).toEqual(['a']);
    answer(204);
    await settle(clock);
    const posts = server.posts.slice(3).map(({ number, bytes }) => [number, String(bytes)]);
    expect(posts).toEqual([
      [1, 'a'],
      [2, 'bcd'],
    ]);
    expect(later.every((write) => write.isSuccess)).toBe(true);
  });

  it('makes a request that got no answer again, by the same number', async () => {
    const channel = await connected();
    server.answers.push(new Error('reset'), 502);
    const write = channel.writeAndFlush(Buffer.from('a'));
    await pause(400);
    await pause(800);
    const posts = server.posts.slice(3).map(({ number, bytes }) => [number, String(bytes)]);
    expect(posts).toEqual(Array.from({ length: 3 }, () => [1, 'a']));
    expect(write.isSuccess).toBe(true);
  });

  it('gives up waiting for an answer after 30 s, and makes the request again', async () => {
    const signals: AbortSignal[] = [];
    const channel = await connected((url, request) => {
      signals.push(request.signal);
      return server.fetch(url, request);
    });
    server.answers.push(new Promise<number>(() => {}));
    const write = channel.writeAndFlush(Buffer.from('a'));
    await pause(29_999);
    expect(signals.at(-1)!.aborted).toBe(false);
    await pause(1);
    expect(signals.at(-1)!.aborted).toBe(true);
    await pause(400);
    const posts = server.posts.slice(3).map(({ number, bytes }) => [number, String(bytes)]);
    expect(posts).toEqual([
      [1, 'a'],
      [1, 'a'],
    ]);
    expect([write.isSuccess, channel.isOpen, clock.pendingTimers]).toEqual([true, true, 0]);
  });

  it('waits for no repetition when it has ended', async () => {
    const channel = await connected();
    server.answers.push(new Error('reset'));
    channel.writeAndFlush(Buffer.from('a')).onSettled(() => {});
    await settle(clock);
    channel.abort();
    await settle(clock);
    expect(clock.pendingTimers).toBe(0);
  });

  it('makes a request again without keepalive, of which a browser has few bytes', async () => {
    const kept: boolean[] = [];
    const channel = await connected((url, request) => {
      kept.push(request.keepalive);
      return server.fetch(url, request);
    });
    server.answers.push(new TypeError('Failed to fetch'));
    channel.write(Buffer.from('a'));
    channel.flush();
    await pause(400);
    channel.writeAndFlush(Buffer.from('b'));
    await settle(clock);
    // The request for the session and the three behind it come first.
    expect(kept.slice(4)).toEqual([true, false, true]);
  });

  it('gives up a request that gets no answer again and again', async () => {
    const channel = await connected();
    server.answers.push(...Array.from({ length: 5 }, () => new Error('reset')));
    channel.writeAndFlush(Buffer.from('a')).onSettled(() => {});
    for (const waitMs of [400, 800, 1600, 3200]) await pause(waitMs);
    expect(channel.closeInfo).toMatchObject({ reason: 'reset' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('asks without bytes whether there is room, where its bytes wait', async () => {
    const channel = await connected();
    server.answers.push(202, 202);
    const write = channel.writeAndFlush(Buffer.from('a'));
    await settle(clock);
    const posts = server.posts.slice(3).map(({ number, bytes }) => [number, String(bytes)]);
    expect(posts).toEqual([
      [1, 'a'],
      [1, ''],
      [1, ''],
    ]);
    expect(write.isSuccess).toBe(true);
  });

  it.each([412, 404])(
    'says at the start that a request reached another server (%d)',
    async (status) => {
      let posts = 0;
      const channel = connect(async (url, request) => {
        const isOpen = request.body[0] === 1;
        return isOpen || ++posts < 3 ? server.fetch(url, request) : { status, body: null };
      });
      server.opens();
      await settle(clock);
      await expect(channel).rejects.toMatchObject({ code: 'HR_ERR_TUNNEL_ELSEWHERE' });
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it('says that a proxy holds the answer back', async () => {
    const channel = connect();
    await settle(clock);
    clock.advance(5000);
    await settle(clock);
    await expect(channel).rejects.toMatchObject({ code: 'HR_ERR_TUNNEL_BUFFERED' });
  });

  it('says how it was refused', async () => {
    server.openStatus = 401;
    const channel = connect();
    await settle(clock);
    await expect(channel).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
      details: { statusCode: 401 },
    });
  });

  it('takes no subprotocol that it did not offer', async () => {
    const channel = connect(server.fetch, ['chat']);
    server.opens('other');
    await settle(clock);
    await expect(channel).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_FAILED' });
  });

  it('is reset when the answer is cut, even while nothing is read', async () => {
    const channel = await connected();
    channel.holdReads('test');
    server.says(bytesEvents(Buffer.from('unread')));
    await settle(clock);
    server.cuts();
    await settle(clock);
    clock.advance(10_000);
    expect(channel.closeInfo).toMatchObject({ reason: 'reset' });
  });

  it('keeps little of what comes while nothing is read', async () => {
    const channel = await connected();
    const hold = channel.holdReads('test');
    for (let i = 0; i < 8; i++) server.says(bytesEvents(Buffer.alloc(32 * 1024, 'x')));
    await settle(clock);
    expect(heard).toEqual([]);
    hold.release();
    for (let i = 0; i < 4; i++) await settle(clock);
    expect(heard[0]!.length).toBeLessThanOrEqual(64 * 1024);
    expect(heard.join('').length).toBe(8 * 32 * 1024);
  });

  it('says that it ends before it leaves', async () => {
    const channel = await connected();
    channel.close();
    await settle(clock);
    expect(server.posts.at(-1)).toMatchObject({ number: 1, isLast: true });
    expect(channel.isOpen).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits two seconds at most for the answer to that', async () => {
    const channel = await connected();
    server.answers.push(new Promise<number>(() => {}));
    let isGone = false;
    channel.onClosed(() => {
      isGone = true;
    });
    channel.close();
    await settle(clock);
    clock.advance(2001);
    await settle(clock);
    expect(isGone).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});
