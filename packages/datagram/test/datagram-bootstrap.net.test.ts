import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Channel, type Context, handler, isHeadraceError, silentLogger } from '@headrace/core';
import {
  DATAGRAM_ERRORS,
  type Datagram,
  DatagramBootstrap,
  datagramCounters,
  joinGroup,
  leaveGroup,
  type OutboundDatagram,
} from '@headrace/datagram';
import { afterEach, describe, expect, it } from 'vitest';
import { Inbox } from '../../core/test/fixture/inbox.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

const echo = handler<{ reads: Datagram; passesOn: never; writes: OutboundDatagram }>({
  sharable: true,
  channelRead: (ctx, datagram) => void ctx.writeAndFlush(datagram),
});

async function bound(
  handlers: readonly object[],
  place: Partial<Parameters<DatagramBootstrap['bind']>[0]> = {},
  options: Parameters<DatagramBootstrap['options']>[0] = {},
): Promise<Channel> {
  const channel = await new DatagramBootstrap()
    .options({ logger: silentLogger, ...options })
    .handler((self) => void self.pipeline.addLast(...(handlers as readonly never[])))
    .bind({ port: 0, host: '127.0.0.1', ...place });
  open.push(channel);
  return channel;
}

function portOf({ localAddress }: Channel): number {
  return (localAddress as { port: number }).port;
}

async function socket(type: 'udp4' | 'udp6' = 'udp4'): Promise<dgram.Socket> {
  const made = dgram.createSocket(type);
  open.push({ close: () => made.close() });
  made.bind(0, type === 'udp6' ? '::1' : '127.0.0.1');
  await once(made, 'listening');
  return made;
}

const HAS_IPV6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const NO_SUCH_PORT = 1;

function codeOf(error: unknown): string | undefined {
  return isHeadraceError(error) ? error.code : undefined;
}

const failureOf = (future: PromiseLike<void>): Promise<unknown> =>
  Promise.resolve(future).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a channel of datagrams on a port', () => {
  it('gets the bytes and the sender of each datagram, and answers it by writing it back', async () => {
    const channel = await bound([echo]);
    const peer = await socket();
    peer.send('hello', portOf(channel), '127.0.0.1');
    const [bytes, { port }] = (await once(peer, 'message')) as [Buffer, AddressInfo];
    expect([String(bytes), port]).toEqual(['hello', portOf(channel)]);
    expect(channel.localAddress).toMatchObject({ host: '127.0.0.1', family: 'IPv4' });
    expect(channel.remoteAddress).toBeUndefined();
  });

  it('answers with other bytes, to another recipient, and keeps the borders of datagrams', async () => {
    const [asked, told] = [await socket(), await socket()];
    const { port } = told.address();
    const channel = await bound([
      {
        channelRead(ctx: Context, datagram: Datagram) {
          expect(datagram.sender.port).toBe(asked.address().port);
          ctx.write(datagram.reply(Buffer.from('')));
          ctx.writeAndFlush({ bytes: datagram.bytes, recipient: { host: 'localhost', port } });
        },
      },
    ]);
    const answers = Promise.all([once(asked, 'message'), once(told, 'message')]);
    asked.send('question', portOf(channel), '127.0.0.1');
    const [[empty], [copy]] = (await answers) as [[Buffer], [Buffer]];
    expect([empty.length, String(copy)]).toEqual([0, 'question']);
  });

  it('ends a burst once, after all datagrams that came together', async () => {
    const events: string[] = [];
    const channel = await bound([
      {
        channelRead: () => void events.push('read'),
        channelReadComplete: (ctx: Context) => {
          events.push('complete');
          ctx.fireChannelReadComplete();
        },
      },
    ]);
    const peer = await socket();
    // Nothing is read before this turn is over: all of them wait in the kernel.
    for (let i = 0; i < 10; i++) peer.send('x', portOf(channel), '127.0.0.1');
    const end = Date.now() + 20;
    while (Date.now() < end);
    await until(() => events.filter((one) => one === 'read').length === 10);
    await until(() => events.at(-1) === 'complete');
    expect(events.filter((one) => one === 'complete').length).toBeLessThan(10);
  });

  it('keeps some datagrams while reads are held, drops and counts the others, and goes on', async () => {
    const inbox = new Inbox();
    const channel = await bound([inbox], {}, { maxKeptDatagrams: 3 });
    const hold = channel.holdReads('test');
    const peer = await socket();
    for (let i = 0; i < 8; i++) peer.send(String(i), portOf(channel), '127.0.0.1');
    await until(() => datagramCounters(channel).received === 8);
    expect(inbox.messages).toEqual([]);
    hold.release();
    await inbox.until(() => inbox.messages.length === 3);
    peer.send('later', portOf(channel), '127.0.0.1');
    await inbox.until(() => inbox.messages.length === 4);
    const texts = inbox.messages.map((message) => String((message as Datagram).bytes));
    expect(texts).toEqual(['0', '1', '2', 'later']);
    expect(datagramCounters(channel)).toMatchObject({ received: 9, dropped: 5 });
  });

  it('reads one burst for each read() with auto-read off', async () => {
    const inbox = new Inbox();
    const channel = await bound([inbox], {}, { autoRead: false });
    const peer = await socket();
    peer.send('one', portOf(channel), '127.0.0.1');
    await until(() => datagramCounters(channel).received === 1);
    expect(inbox.messages.length).toBe(0);
    channel.read();
    await inbox.until(() => inbox.messages.length === 1);
    // A burst is what comes in one turn of the event loop.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    peer.send('two', portOf(channel), '127.0.0.1');
    await until(() => datagramCounters(channel).received === 2);
    expect(inbox.messages.length).toBe(1);
  });

  it('fails the write of a too long datagram, and of no other one in the same flush', async () => {
    const channel = await bound([]);
    const peer = await socket();
    const recipient = { host: '127.0.0.1', port: peer.address().port };
    const came = once(peer, 'message');
    const first = channel.write({ bytes: Buffer.alloc(70_000), recipient });
    const second = channel.writeAndFlush({ bytes: Buffer.from('short'), recipient });
    expect(codeOf(await failureOf(first))).toBe('HR_ERR_MESSAGE_TOO_LONG');
    expect(await failureOf(second)).toBeUndefined();
    await came;
    expect(channel.isOpen).toBe(true);
    expect(datagramCounters(channel)).toMatchObject({ sent: 1, failed: 1 });
  });

  it('fails the write to a name that is unknown, and the others of its flush reach their peers', async () => {
    const channel = await bound([]);
    const peer = await socket();
    const recipient = { host: '127.0.0.1', port: peer.address().port };
    const lost = channel.write({
      bytes: Buffer.from('lost'),
      recipient: { host: 'no-such-host.invalid', port: 9 },
    });
    const tooLong = channel.write({ bytes: Buffer.alloc(70_000), recipient });
    const kept = channel.writeAndFlush({ bytes: Buffer.from('kept'), recipient });
    const came = once(peer, 'message');
    const error = await failureOf(lost);
    expect(isHeadraceError(error, DATAGRAM_ERRORS.DATAGRAM_NOT_SENT)).toBe(true);
    expect(String(error)).toMatch(/no-such-host.invalid:9 was not sent.*(ENOTFOUND|EAI_AGAIN)/);
    expect(codeOf(await failureOf(tooLong))).toBe('HR_ERR_MESSAGE_TOO_LONG');
    expect(await failureOf(kept)).toBeUndefined();
    expect(String((await came)[0])).toBe('kept');
  });

  it('fails the write to a broadcast address unless it is allowed, and says how to allow it', async () => {
    const channel = await bound([], { host: '0.0.0.0' });
    const recipient = { host: '255.255.255.255', port: 9 };
    const error = await failureOf(channel.writeAndFlush({ bytes: Buffer.from('x'), recipient }));
    expect(codeOf(error)).toMatch(/DATAGRAM_(NOT_SENT|UNREACHABLE)/);
    expect(channel.isOpen).toBe(true);
  });

  it('refuses what has no recipient, or no bytes', async () => {
    const channel = await bound([]);
    for (const wrong of [
      Buffer.from('x'),
      { bytes: 'text', recipient: { host: '127.0.0.1', port: 9 } },
      { bytes: Buffer.from('x') },
      { bytes: Buffer.from('x'), recipient: { host: '127.0.0.1', port: 0 } },
      { bytes: Buffer.from('x'), recipient: { host: '127.0.0.1', port: 70_000 } },
    ]) {
      const error = await failureOf(channel.writeAndFlush(wrong));
      expect(codeOf(error)).toBe('HR_ERR_MESSAGE_NOT_ENCODABLE');
    }
  });

  it('goes on after a handler that threw, and counts it', async () => {
    const channel = await bound([
      {
        channelRead(ctx: Context, datagram: Datagram) {
          if (String(datagram.bytes) === 'bad') throw new Error('bad datagram');
          ctx.writeAndFlush(datagram);
        },
      },
    ]);
    const peer = await socket();
    const answer = once(peer, 'message');
    peer.send('bad', portOf(channel), '127.0.0.1');
    peer.send('good', portOf(channel), '127.0.0.1');
    expect(String((await answer)[0])).toBe('good');
    expect(channel.isOpen).toBe(true);
    expect(datagramCounters(channel).unhandled).toBe(1);
  });

  it('closes at once by end(), after what was written', async () => {
    const channel = await bound([]);
    const peer = await socket();
    const came = once(peer, 'message');
    channel.write({
      bytes: Buffer.from('bye'),
      recipient: { host: '127.0.0.1', port: peer.address().port },
    });
    await channel.end();
    expect(String((await came)[0])).toBe('bye');
    expect(channel.closeInfo?.reason).toBe('local');
    expect(portOf(channel)).toBeGreaterThan(0);
  });

  it('rejects a bind to a port that is taken', async () => {
    const first = await bound([]);
    const second = new DatagramBootstrap()
      .handler(() => {})
      .bind({
        port: portOf(first),
        host: '127.0.0.1',
      });
    const error = await failureOf(second as never);
    expect(codeOf(error)).toBe('HR_ERR_BIND_FAILED');
    expect(String(error)).toContain('another socket uses it already');
  });

  it('rejects a bind whose signal aborts, and closes the socket', async () => {
    const controller = new AbortController();
    const bind = new DatagramBootstrap()
      .handler(() => {})
      .bind({ port: 0, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(bind).rejects.toThrow('enough');
  });

  it.skipIf(!HAS_IPV6)('serves IPv6 (skipped on a machine without ::1)', async () => {
    const channel = await bound([echo], { host: '::1' });
    const peer = await socket('udp6');
    peer.send('six', portOf(channel), '::1');
    expect(String((await once(peer, 'message'))[0])).toBe('six');
    expect(channel.localAddress).toMatchObject({ host: '::1', family: 'IPv6' });
  });

  it('sets what it is asked to set', async () => {
    const channel = await bound(
      [echo],
      { host: '0.0.0.0' },
      {
        reuseAddr: true,
        broadcast: true,
        ttl: 5,
        multicastTtl: 2,
        multicastLoopback: true,
        receiveBufferBytes: 100_000,
        sendBufferBytes: 100_000,
      },
    );
    const peer = await socket();
    peer.send('set', portOf(channel), '127.0.0.1');
    expect(String((await once(peer, 'message'))[0])).toBe('set');
  });

  it('joins a multicast group, and leaves it', async () => {
    const inbox = new Inbox();
    const lo = '127.0.0.1';
    const group = '224.0.0.114';
    const channel = await bound(
      [inbox],
      { host: '0.0.0.0', groups: [{ group, interface: lo }] },
      { reuseAddr: true },
    );
    const sender = await bound([], { host: lo }, { multicastInterface: lo });
    const recipient = { host: group, port: portOf(channel) };
    await sender.writeAndFlush({ bytes: Buffer.from('to all'), recipient });
    await inbox.until(() => inbox.messages.length === 1);
    leaveGroup(channel, { group, interface: lo });
    await sender.writeAndFlush({ bytes: Buffer.from('not heard'), recipient });
    joinGroup(channel, { group, interface: lo, source: lo });
    await sender.writeAndFlush({ bytes: Buffer.from('heard'), recipient });
    await inbox.until(() => inbox.messages.length === 2);
    expect(String((inbox.messages[1] as Datagram).bytes)).toBe('heard');
  });
});

describe('a channel of datagrams with one peer', () => {
  it('sends to its peer without a recipient, and hears it alone', async () => {
    const server = await bound([echo]);
    const inbox = new Inbox();
    const client = await new DatagramBootstrap()
      .handler((self) => void self.pipeline.addLast(inbox))
      .connect({ host: '127.0.0.1', port: portOf(server) });
    open.push(client);
    const stranger = await socket();
    stranger.send('not for you', portOf(client), '127.0.0.1');
    await client.writeAndFlush({ bytes: Buffer.from('to you') });
    await inbox.until(() => inbox.messages.length === 1);
    expect(String((inbox.messages[0] as Datagram).bytes)).toBe('to you');
    expect(client.remoteAddress).toMatchObject({ port: portOf(server), host: '127.0.0.1' });
  });

  it('reports a refusal by its code, and stays', async () => {
    const inbox = new Inbox();
    const errors: unknown[] = [];
    const client = await new DatagramBootstrap()
      .options({ logger: silentLogger })
      .handler((self) => {
        self.pipeline.addLast({ exceptionCaught: (_ctx, error) => void errors.push(error) }, inbox);
      })
      .connect({ host: '127.0.0.1', port: NO_SUCH_PORT });
    open.push(client);
    // The answer comes to the socket: with a read, or with the next write.
    await until(() => {
      client.writeAndFlush({ bytes: Buffer.from('x') }).onSettled((error) => {
        if (error !== undefined) errors.push(error);
      });
      return errors.length > 0;
    });
    expect(codeOf(errors[0])).toBe('HR_ERR_DATAGRAM_REFUSED');
    expect(client.isOpen).toBe(true);
  });

  it('rejects a name that is unknown', async () => {
    const connect = new DatagramBootstrap()
      .handler(() => {})
      .connect({ host: 'no-such-host.invalid', port: 9 });
    expect(codeOf(await failureOf(connect as never))).toBe('HR_ERR_DATAGRAM_NOT_SENT');
  });
});

/** Waits for what events bring. */
async function until(isDone: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !isDone(); ) {
    if (Date.now() > end) throw new Error('it did not happen within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
