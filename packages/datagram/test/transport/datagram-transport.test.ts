import { Buffer } from 'node:buffer';
import { type Channel, type Context, type Handler, silentLogger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import {
  type Datagram,
  DatagramBootstrap,
  type DatagramOptions,
  datagramCounters,
  joinGroup,
  type OutboundDatagram,
  type Recipient,
  toPeer,
} from '@headrace/datagram';
import { expect, it } from 'vitest';
import { FakeNetwork, type FakeSocket } from '../fake-network.ts';

/** A channel on a socket of the test. */
async function bound(
  handlers: readonly Handler[],
  options: DatagramOptions = {},
  peer?: { readonly host: string; readonly port: number },
): Promise<{ channel: Channel; socket: FakeSocket; clock: VirtualClock }> {
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock);
  const bootstrap = new DatagramBootstrap()
    .options({ clock, logger: silentLogger, connectTimeoutMs: false, ...options })
    .handler((self) => void self.pipeline.addLast(...handlers));
  const opening = peer
    ? bootstrap.connect({ ...peer, network })
    : bootstrap.bind({ port: 9, network });
  // The bootstrap opens the socket in a microtask.
  for (let i = 0; i < 5; i++) await Promise.resolve();
  clock.runTasks();
  return { channel: await opening, socket: network.socket, clock };
}

class Recorder implements Handler {
  readonly seen: string[] = [];
  channelRead(_ctx: Context, datagram: Datagram): void {
    this.seen.push(String(datagram.bytes));
  }
  channelReadComplete(ctx: Context): void {
    this.seen.push('.');
    ctx.fireChannelReadComplete();
  }
}

it('what comes in one turn of the event loop is one burst', async () => {
  const recorder = new Recorder();
  const { socket } = await bound([recorder]);
  socket.arrive('10.0.0.2', 'a', 'b', 'c');
  socket.arrive('10.0.0.3', 'd');
  expect(recorder.seen.join('')).toBe('abc.d.');
});

it('stops at the end of its share of a turn, and goes on in the next one', async () => {
  const seen: string[] = [];
  const { socket, clock, channel } = await bound([
    {
      channelRead(_ctx: Context, datagram: Datagram) {
        clock.advanceQuietly(1);
        seen.push(String(datagram.bytes));
      },
    },
  ]);
  const texts = Array.from({ length: 40 }, (_, i) => `${i}`);
  const turns: number[] = [];
  const lookEachTurn = () => {
    turns.push(seen.length);
    if (seen.length < texts.length) clock.nextTurn(lookEachTurn);
  };
  clock.run(() => {
    socket.arrive('10.0.0.2', ...texts);
    clock.nextTurn(lookEachTurn);
  });
  // A message costs a whole share: the turn is over when the channel is asked for the second time.
  expect(turns[0]).toBe(4);
  expect(seen).toEqual(texts);
  expect(channel.readHolds).toEqual([]);
});

it('keeps bytes up to a bound while reads are held, and delivers them in their order', async () => {
  const recorder = new Recorder();
  const { channel, socket, clock } = await bound([recorder], { maxKeptBytes: 10 });
  const hold = channel.holdReads('test');
  socket.arrive('10.0.0.2', '12345', '67890', 'x');
  expect(recorder.seen).toEqual([]);
  clock.run(() => hold.release());
  socket.arrive('10.0.0.2', 'y');
  expect(recorder.seen.join('')).toBe('1234567890.y.');
  // What was delivered makes room again.
  const again = channel.holdReads('test');
  socket.arrive('10.0.0.2', 'abcdefghij');
  clock.run(() => again.release());
  expect(recorder.seen.join('')).toBe('1234567890.y.abcdefghij.');
});

it('a datagram that comes while kept ones wait for their turn does not overtake them', async () => {
  const recorder = new Recorder();
  const { channel, socket, clock } = await bound([recorder]);
  const hold = channel.holdReads('test');
  socket.arrive('10.0.0.2', 'a');
  clock.run(() => {
    hold.release();
    socket.arrive('10.0.0.2', 'b');
  });
  expect(recorder.seen.join('')).toBe('ab.');
});

it('lets answers leave before it delivers more: an echo of the longest datagrams stays below its limit', async () => {
  const failed: Error[] = [];
  const { socket } = await bound([
    {
      channelRead(ctx: Context, datagram: Datagram) {
        ctx.writeAndFlush(datagram).onSettled((error) => {
          if (error !== undefined) failed.push(error);
        });
      },
    },
  ]);
  socket.arrive('10.0.0.2', ...Array.from({ length: 32 }, () => 'x'.repeat(60_000)));
  expect(failed).toEqual([]);
  expect(socket.sent.length).toBe(32);
});

it('is unwritable while the kernel takes nothing, and writable again after that', async () => {
  const changes: boolean[] = [];
  const { channel, socket } = await bound([
    {
      channelWritabilityChanged: (ctx: Context) => void changes.push(ctx.channel.isWritable),
    },
  ]);
  socket.isStuck = true;
  const recipient = { host: '10.0.0.2', port: 5 };
  const futures = Array.from({ length: 3 }, () =>
    channel.writeAndFlush({ bytes: Buffer.alloc(30_000), recipient }),
  );
  expect(changes).toEqual([false]);
  expect(futures.map((future) => future.isSettled)).toEqual([false, false, false]);
  // One write at a time is with the kernel.
  expect(socket.sent.length).toBe(1);
  socket.take();
  expect(futures.map((future) => future.isSuccess)).toEqual([true, true, true]);
  expect(changes).toEqual([false, true]);
});

it('reports which of the datagrams of one flush failed, also with names among them', async () => {
  const { channel, socket, clock } = await bound([]);
  socket.failures.set('b', Object.assign(new Error('send EHOSTUNREACH'), { code: 'EHOSTUNREACH' }));
  socket.failures.set('d', Object.assign(new Error('send EPERM'), { code: 'EPERM' }));
  const hosts = ['10.0.0.2', 'name', '10.0.0.2', '10.0.0.3', 'name'];
  const futures = ['a', 'b', 'c', 'd', 'e'].map((text, i) =>
    channel.write({ bytes: Buffer.from(text), recipient: { host: hosts[i]!, port: 5 } }),
  );
  channel.flush();
  clock.runTasks();
  expect(futures.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
    undefined,
    'HR_ERR_DATAGRAM_UNREACHABLE',
    undefined,
    'HR_ERR_DATAGRAM_NOT_SENT',
    undefined,
  ]);
  expect(channel.isOpen).toBe(true);
});

it('an outcome belongs to its datagram, in whatever order outcomes come', async () => {
  const { channel, socket, clock } = await bound([]);
  for (let round = 0; round < 3; round++) {
    socket.isStuck = true;
    socket.failures.set('b', Object.assign(new Error('send EPERM'), { code: 'EPERM' }));
    channel.writeAndFlush({
      bytes: Buffer.from('first'),
      recipient: { host: '10.0.0.2', port: 5 },
    });
    socket.take();
    socket.isStuck = true;
    const futures = Array.from('abcd', (text, i) =>
      channel.write({ bytes: Buffer.from(text), recipient: { host: `10.0.0.${i + 2}`, port: 5 } }),
    );
    channel.flush();
    socket.takeLastFirst();
    clock.runTasks();
    expect(futures.map(({ isSuccess }) => isSuccess)).toEqual([true, false, true, true]);
    expect(futures[1]!.error).toMatchObject({ details: { host: '10.0.0.3', port: 5 } });
  }
});

it('refuses an address of another family than that of the socket, before it is sent', async () => {
  const { channel, socket, clock } = await bound([]);
  const hosts = ['10.0.0.2', '2001:db8::1', '10.0.0.3', '::ffff:10.0.0.4'];
  const futures = hosts.map((host) =>
    channel.write({ bytes: Buffer.from(host), recipient: { host, port: 5 } }),
  );
  clock.run(() => channel.flush());
  expect(futures.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
    undefined,
    'HR_ERR_DATAGRAM_RECIPIENT',
    undefined,
    'HR_ERR_DATAGRAM_RECIPIENT',
  ]);
  expect(futures[1]!.error).toMatchObject({
    message: expect.stringContaining(
      '[2001:db8::1]:5 is an IPv6 address, and the socket is one of IPv4',
    ),
    details: { host: '2001:db8::1', port: 5, family: 'IPv4' },
  });
  expect(socket.sent.map(({ text }) => text)).toEqual(['10.0.0.2', '10.0.0.3']);
  expect([channel.isOpen, datagramCounters(channel).failed]).toEqual([true, 2]);
});

it('a channel with a peer refuses a datagram for another recipient, and stays', async () => {
  const { channel, socket, clock } = await bound([], {}, { host: '10.0.0.2', port: 5 });
  const bytes = Buffer.from('x');
  const messages: OutboundDatagram[] = [
    { bytes },
    { bytes, recipient: { host: '10.0.0.2', port: 5 } },
    { bytes, recipient: { host: '10.0.0.3', port: 5 } },
    { bytes, recipient: { host: '10.0.0.2', port: 6 } },
    { bytes, recipient: {} as Recipient },
    { bytes, recipient: null as never },
    // It came from somebody else, and is passed on to the peer.
    { bytes, sender: { host: '10.0.0.9', port: 5 } },
  ];
  const futures = messages.map((message) => channel.write(message));
  clock.run(() => channel.flush());
  expect(futures.map(({ isSuccess }) => isSuccess)).toEqual([
    true,
    true,
    false,
    false,
    false,
    true,
    true,
  ]);
  expect(futures[2]!.error).toMatchObject({
    code: 'HR_ERR_DATAGRAM_RECIPIENT',
    message: expect.stringContaining('10.0.0.3:5'),
    details: { host: '10.0.0.3', port: 5, peer: '10.0.0.2:5' },
  });
  expect(socket.sent.length).toBe(4);
  expect(channel.isOpen).toBe(true);
});

it('a peer by its name is the recipient by its name and by its address', async () => {
  const { channel, socket, clock } = await bound([], {}, { host: 'server', port: 5 });
  Object.defineProperty(socket, 'remoteAddress', {
    value: { host: '10.0.0.2', port: 5, family: 'IPv4' },
  });
  const futures = ['server', '10.0.0.2', 'other'].map((host) =>
    channel.write({ bytes: Buffer.from('x'), recipient: { host, port: 5 } }),
  );
  clock.run(() => channel.flush());
  expect(futures.map(({ isSuccess }) => isSuccess)).toEqual([true, true, false]);
});

it('drops what comes, and what it kept, once it is closed', async () => {
  const recorder = new Recorder();
  const { channel, socket, clock } = await bound([recorder]);
  const hold = channel.holdReads('test');
  socket.arrive('10.0.0.2', 'kept');
  clock.run(() => {
    hold.release();
    channel.close();
  });
  socket.arrive('10.0.0.2', 'late');
  clock.runTasks();
  expect(recorder.seen).toEqual([]);
  expect(socket.isClosed).toBe(true);
});

it('a datagram whose bytes cannot be made fails alone, and the next write is counted right', async () => {
  const { channel, socket, clock } = await bound([]);
  const recipient = { host: '10.0.0.2', port: 1 };
  const outcomes: string[] = [];
  const write = (name: string, bytes: unknown): void => {
    const future = channel.write({ bytes, recipient } as never);
    future.onSettled((error) =>
      outcomes.push(`${name} ${error === undefined ? 'sent' : 'failed'}`),
    );
  };
  const broken = {
    byteLength: 3,
    writeTo() {
      throw new Error('no bytes');
    },
  };
  write('one', Buffer.from('one'));
  write('broken', broken);
  write('two', Buffer.from('two'));
  clock.run(() => channel.flush());
  expect(outcomes).toEqual(['one sent', 'broken failed', 'two sent']);
  outcomes.length = 0;
  socket.failures.set('bad', Object.assign(new Error('send EPERM'), { code: 'EPERM' }));
  write('good', Buffer.from('good'));
  write('bad', Buffer.from('bad'));
  clock.run(() => channel.flush());
  expect(outcomes).toEqual(['good sent', 'bad failed']);
  expect(datagramCounters(channel)).toMatchObject({ sent: 3, failed: 2 });
  expect(channel.pendingOutboundBytes).toBe(0);
});

it('answers each sender behind one address at its own port', async () => {
  const { socket } = await bound([
    { channelRead: (ctx: Context, datagram: Datagram) => void ctx.writeAndFlush(datagram) },
  ]);
  socket.arrive('10.0.0.2:1', 'a');
  socket.arrive('10.0.0.2:2', 'b');
  expect(socket.sent).toEqual([
    { text: 'a', to: '10.0.0.2:1' },
    { text: 'b', to: '10.0.0.2:2' },
  ]);
});

it('says that a group is joined with `groups` before the socket is bound, and checks these', async () => {
  let early: unknown;
  const handlerAdded = ({ channel }: Context): void => {
    try {
      joinGroup(channel, { group: '224.0.0.114' });
    } catch (error) {
      early = error;
    }
  };
  const { channel, clock } = await bound([{ handlerAdded }]);
  expect(early).toMatchObject({ code: 'HR_ERR_PIPELINE_STATE' });
  clock.run(() => channel.close());
  expect(() => joinGroup(channel, { group: '224.0.0.114' })).toThrow('groups of bind');
  const wrong = new DatagramBootstrap()
    .handler(() => {})
    .bind({ port: 0, groups: [null] as never });
  await expect(wrong).rejects.toMatchObject({ code: 'HR_ERR_OPTION_INVALID' });
});

it('what the kernel takes after the end of a channel changes nothing', async () => {
  const { channel, socket, clock } = await bound([]);
  socket.isStuck = true;
  const recipient = { host: '10.0.0.2', port: 5 };
  const future = channel.writeAndFlush({ bytes: Buffer.from('x'), recipient });
  clock.run(() => channel.close());
  expect(future.error).toBeDefined();
  const { error } = future;
  socket.take();
  expect(future.error).toBe(error);
  expect(channel.pendingOutboundBytes).toBe(0);
});

it('a transport reports no outcome after its close, whatever stands on it', () => {
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock);
  const transport = toPeer({ host: '10.0.0.2', port: 5, network, clock });
  const reports: string[] = [];
  transport.open({
    connected: () => reports.push('connected'),
    written: () => reports.push('written'),
    disconnected: () => reports.push('disconnected'),
  } as never);
  clock.runTasks();
  network.socket.isStuck = true;
  transport.write([Buffer.from('x')], 1);
  transport.close({ reason: 'local', by: 'local', error: undefined });
  network.socket.take();
  expect(reports).toEqual(['connected', 'disconnected']);
});
