import { Buffer } from 'node:buffer';
import { DatagramDecoder, LineFrameDecoder, StringCodec } from '@headrace/codec';
import {
  type Channel,
  ChannelGroup,
  type ClockDeadlines,
  type Context,
  isHeadraceError,
  type Server,
  ServerBootstrap,
  silentLogger,
  type Transport,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import {
  DATAGRAM_ERRORS,
  datagramCounters,
  joinGroup,
  leaveGroup,
  type PerPeerOptions,
  perPeer,
  provePeer,
} from '@headrace/datagram';
import { IdleStateEvent, IdleStateHandler, PRINCIPAL } from '@headrace/handlers';
import { expect, it } from 'vitest';
import { FakeNetwork, type FakeSocket } from '../fake-network.ts';

interface World {
  readonly server: Server;
  readonly socket: FakeSocket;
  readonly clock: VirtualClock;
  readonly listener: ReturnType<typeof perPeer>;
  /** What the channels read, `address text`. */
  readonly read: string[];
  /** The channel of an address, if it is open. */
  channelOf(host: string): Channel | undefined;
}

const hostOf = (channel: Channel): string => (channel.remoteAddress as { host: string }).host;

async function serve(
  options: Partial<PerPeerOptions> = {},
  build: (channel: Channel) => void = () => {},
): Promise<World> {
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock);
  const listener = perPeer({ port: 9, network, clock, ...options });
  const read: string[] = [];
  const opening = new ServerBootstrap()
    .childOptions({ clock, logger: silentLogger })
    .childHandler((opened) => {
      const channel = opened as unknown as Channel;
      channel.pipeline.addLast(new StringCodec());
      build(channel);
      channel.pipeline.addLast({
        channelRead(ctx: Context, text: string) {
          read.push(`${hostOf(ctx.channel)} ${text}`);
          if (text === 'login') ctx.channel.attributes.set(PRINCIPAL, { id: text });
          if (text === 'prove') provePeer(ctx.channel);
          if (text === 'bad') throw new Error('bad datagram');
          if (text === 'bye') ctx.close();
          if (text.startsWith('echo')) ctx.writeAndFlush(text);
        },
      });
    })
    .bind({ listener });
  for (let i = 0; i < 8; i++) await Promise.resolve();
  clock.runTasks();
  const server = await opening;
  return {
    server,
    listener,
    socket: network.socket,
    clock,
    read,
    channelOf: (host) => [...server.connections].find((channel) => hostOf(channel) === host),
  };
}

const forge = (socket: FakeSocket, host: string): void =>
  socket.user.arrived(Buffer.from('forged'), host, 7, 'IPv6');

it('each sender has a channel of its own, which reads its datagrams and answers it', async () => {
  const { socket, read, server, channelOf } = await serve();
  socket.arrive('10.0.0.2:7', 'echo 1', 'hi');
  socket.arrive('10.0.0.3:7', 'echo 2');
  expect(read).toEqual(['10.0.0.2 echo 1', '10.0.0.2 hi', '10.0.0.3 echo 2']);
  expect(socket.sent).toEqual([
    { text: 'echo 1', to: '10.0.0.2:7' },
    { text: 'echo 2', to: '10.0.0.3:7' },
  ]);
  expect(server.connections.size).toBe(2);
  expect(channelOf('10.0.0.2')?.remoteAddress).toMatchObject({ host: '10.0.0.2', port: 7 });
  expect(channelOf('10.0.0.2')?.localAddress).toMatchObject({ port: 9 });
});

it('a close forgets the peer: its next datagram opens another channel', async () => {
  const { socket, listener, channelOf } = await serve();
  socket.arrive('10.0.0.2', 'hi');
  const first = channelOf('10.0.0.2')!;
  socket.arrive('10.0.0.2', 'bye');
  expect([first.isOpen, listener.size]).toEqual([false, 0]);
  socket.arrive('10.0.0.2', 'hi');
  expect(channelOf('10.0.0.2')).not.toBe(first);
  expect(listener.size).toBe(1);
});

it('a peer that is silent is forgotten, and each datagram begins its time again', async () => {
  const { socket, clock, channelOf, listener } = await serve({ idleMs: 1000 });
  socket.arrive('10.0.0.2', 'hi');
  const channel = channelOf('10.0.0.2')!;
  clock.advance(900);
  socket.arrive('10.0.0.2', 'hi');
  clock.advance(900);
  expect(channel.isOpen).toBe(true);
  clock.advance(200);
  expect(channel.closeInfo?.reason).toBe('idle');
  expect(listener.size).toBe(0);
});

it('serves handlers for connections: idle events and groups', async () => {
  const group = new ChannelGroup<string>('all');
  const idle: string[] = [];
  const { socket, clock } = await serve({ amplification: false }, (channel) => {
    group.add(channel);
    channel.pipeline.addLast(new IdleStateHandler({ readerIdleMs: 500 }), {
      userEventTriggered(ctx: Context, event: unknown) {
        if (event instanceof IdleStateEvent) idle.push(hostOf(ctx.channel));
      },
    });
  });
  socket.arrive('10.0.0.2', 'hi');
  socket.arrive('10.0.0.3', 'hi');
  clock.run(() => group.writeAndFlush('to all'));
  clock.advance(600);
  expect(socket.sent.map(({ to }) => to)).toEqual(['10.0.0.2:1000', '10.0.0.3:1000']);
  expect(idle).toEqual(['10.0.0.2', '10.0.0.3']);
});

it('a datagram that throws in a handler does not end the channel of a peer: anybody may have sent it', async () => {
  const { socket, channelOf, read, listener } = await serve();
  socket.arrive('10.0.0.2', 'bad', 'good');
  expect(channelOf('10.0.0.2')?.isOpen).toBe(true);
  expect(read.at(-1)).toBe('10.0.0.2 good');
  expect(listener.counters.unhandled).toBe(1);
});

it('strangers with forged senders take no more places than the limit, and displace no peer that has signed in', async () => {
  const { socket, listener, channelOf, server } = await serve({ maxPeers: 50 });
  for (let i = 0; i < 20; i++) socket.arrive(`10.0.1.${i}`, 'login');
  socket.arrive('10.0.2.1', 'prove');
  for (let i = 0; i < 5000; i++) socket.arrive(`172.16.${i >> 8}.${i & 255}`, 'forged');
  expect([listener.size, server.connections.size]).toEqual([50, 50]);
  for (let i = 0; i < 20; i++) expect(channelOf(`10.0.1.${i}`)?.isOpen).toBe(true);
  expect(channelOf('10.0.2.1')?.isOpen).toBe(true);
  expect(listener.evicted).toBe(5000 - 29);
});

it('serves no new peer while every place is taken by a peer that is known', async () => {
  const { socket, listener, read } = await serve({ maxPeers: 2 });
  socket.arrive('10.0.0.2', 'login');
  socket.arrive('10.0.0.3', 'login');
  socket.arrive('10.0.0.4', 'hi');
  expect(read.length).toBe(2);
  expect([listener.size, listener.refused, listener.counters.dropped]).toEqual([2, 1, 1]);
});

it('strangers of one address take no more places than allowed', async () => {
  const { socket, listener, read } = await serve({ maxStrangersPerAddress: 3 });
  for (let port = 1; port <= 10; port++) socket.arrive(`10.0.0.2:${port}`, 'hi');
  socket.arrive('10.0.0.3', 'hi');
  expect(read.length).toBe(11);
  expect(listener.size).toBe(4);
});

it('sends nothing longer than what came, headers included, before the peer has proved its address', async () => {
  const { socket, clock, channelOf } = await serve();
  socket.arrive('10.0.0.2', '12345', '1');
  const channel = channelOf('10.0.0.2')!;
  const send = (text: string) => clock.run(() => channel.writeAndFlush(text));
  expect(send('123').isSuccess).toBe(true);
  const refused = send('1234');
  expect(isHeadraceError(refused.error, DATAGRAM_ERRORS.REJECTED_AMPLIFICATION)).toBe(true);
  expect(send('123').isSuccess).toBe(true);
  socket.arrive('10.0.0.2', '1');
  expect(send('1').isSuccess).toBe(true);
  expect(socket.sent.map(({ text }) => text)).toEqual(['123', '123', '1']);
  expect(channel.isOpen).toBe(true);
  socket.arrive('10.0.0.2', 'prove');
  expect(send('x'.repeat(1000)).isSuccess).toBe(true);
});

it('of one flush refuses what is too long, and sends the rest', async () => {
  const { socket, clock, channelOf } = await serve();
  socket.arrive('10.0.0.2', '12', '34');
  const channel = channelOf('10.0.0.2')!;
  const futures = ['1', '1234567', '23'].map((text) => channel.write(text));
  clock.run(() => channel.flush());
  expect(futures.map((future) => future.isSuccess)).toEqual([true, false, true]);
  expect(socket.sent.map(({ text }) => text)).toEqual(['1', '23']);
});

it('sends no more datagrams than came, however short they are', async () => {
  const { socket, clock, channelOf } = await serve();
  socket.arrive('10.0.0.2', '1');
  const channel = channelOf('10.0.0.2')!;
  for (let i = 0; i < 1000; i++) channel.write('');
  clock.run(() => channel.flush());
  expect(socket.sent).toHaveLength(1);
});

it('a refused answer that a handler awaits fails alone, and keeps the peer', async () => {
  const { socket, channelOf, clock } = await serve({}, (channel) => {
    channel.pipeline.addLast({
      async channelRead(ctx: Context, text: string) {
        if (text === 'ask') await ctx.writeAndFlush('an answer that is longer than the question');
        else ctx.fireChannelRead(text);
      },
    });
  });
  socket.arrive('10.0.0.2', 'ask');
  for (let i = 0; i < 8; i++) await Promise.resolve();
  clock.runTasks();
  expect(channelOf('10.0.0.2')?.isOpen).toBe(true);
  expect(socket.sent).toEqual([]);
});

it('strangers that are pushed out leave no deadline behind', async () => {
  const { socket, clock, listener } = await serve({ maxPeers: 10 });
  for (let i = 0; i < 500; i++) socket.arrive(`172.16.${i >> 8}.${i & 255}`, 'forged');
  expect(listener.size).toBe(10);
  expect((clock.deadlines as ClockDeadlines).size).toBe(10);
});

it('the strangers of one IPv6 /64 count as one address', async () => {
  const { socket, listener } = await serve({ maxStrangersPerAddress: 3 });
  for (let i = 1; i <= 20; i++) {
    forge(socket, `2001:db8::${i.toString(16)}`);
    forge(socket, `2001:db8:0:1::${i.toString(16)}`);
  }
  expect(listener.size).toBe(6);
});

it('an error that the socket reports for a datagram is counted, and keeps no peer out', async () => {
  const { socket, listener, clock } = await serve();
  clock.run(() => socket.user.caught(Object.assign(new Error('recvmsg'), { code: 'ECONNRESET' })));
  socket.arrive('10.0.0.3', 'hi');
  expect([listener.size, listener.refused, listener.counters.failed]).toEqual([1, 0, 1]);
  expect(listener.lastFailure).toMatchObject({
    code: 'HR_ERR_DATAGRAM_NOT_SENT',
    message: expect.stringContaining('recvmsg (ECONNRESET)'),
    cause: { code: 'ECONNRESET' },
  });
});

it('a sign-in proves no address, unless it answers a challenge and the server says so', async () => {
  for (const options of [{}, { signInProves: false }, { signInProves: true }]) {
    const { socket, clock, channelOf } = await serve(options);
    socket.arrive('10.0.0.2', 'login');
    const long = clock.run(() => channelOf('10.0.0.2')!.writeAndFlush('x'.repeat(1000)));
    expect(long.isSuccess).toBe('signInProves' in options && options.signInProves);
  }
});

it('sign-ins with forged senders make broadcasts send no more bytes than they had', async () => {
  const { socket, clock, channelOf } = await serve();
  const group = new ChannelGroup('devices');
  let came = 0;
  for (let i = 1; i <= 100; i++) {
    socket.arrive(`10.0.1.${i}`, 'login');
    came += 'login'.length + 28;
    clock.run(() => group.add(channelOf(`10.0.1.${i}`)!));
  }
  for (let i = 0; i < 100; i++) clock.run(() => group.writeAndFlush('x'.repeat(1200)));
  for (let i = 0; i < 100; i++) clock.run(() => group.writeAndFlush('x'));
  clock.runTasks();
  const went = socket.sent.reduce((sum, { text }) => sum + text.length + 28, 0);
  expect(went).toBeLessThanOrEqual(came);
});

it('at a shutdown no new peer is served, and the socket stays until the last one has gone', async () => {
  const { socket, clock, server, channelOf, read } = await serve({ maxPeers: 1 });
  socket.arrive('10.0.0.2', 'hi');
  const channel = channelOf('10.0.0.2')!;
  clock.run(() => server.channel.close('shutdown'));
  socket.arrive('10.0.0.3', 'too late');
  socket.arrive('10.0.0.2', 'echo');
  expect(read).toEqual(['10.0.0.2 hi', '10.0.0.2 echo']);
  expect([socket.sent.length, socket.isClosed]).toEqual([1, false]);
  clock.run(() => channel.close());
  expect(socket.isClosed).toBe(true);
});

it('a graceful shutdown ends all peers', async () => {
  const { socket, clock, server } = await serve();
  socket.arrive('10.0.0.2', 'hi');
  socket.arrive('10.0.0.3', 'hi');
  const done = clock.run(() => server.shutdown());
  clock.runTasks();
  await done;
  clock.runTasks();
  expect([server.connections.size, socket.isClosed]).toEqual([0, true]);
});

it('keeps some datagrams of a peer whose reads are held, and those of others are served', async () => {
  const { socket, clock, channelOf, read } = await serve({ maxKeptDatagrams: 2 });
  socket.arrive('10.0.0.2', 'hi');
  const hold = channelOf('10.0.0.2')!.holdReads('test');
  socket.arrive('10.0.0.2', 'a', 'b', 'c');
  socket.arrive('10.0.0.3', 'other');
  expect(read).toEqual(['10.0.0.2 hi', '10.0.0.3 other']);
  clock.run(() => hold.release());
  expect(read.slice(2)).toEqual(['10.0.0.2 a', '10.0.0.2 b']);
});

it('a listener that is closed before its socket is bound does not listen', () => {
  const clock = new VirtualClock();
  const listener = perPeer({ port: 9, network: new FakeNetwork(clock), clock });
  const events: string[] = [];
  const sink = {
    listening: () => events.push('listening'),
    closed: () => events.push('closed'),
  };
  listener.open(sink as never);
  listener.close();
  clock.runTasks();
  expect(events).toEqual(['closed']);
});

it('a peer that is pushed out before its channel is open leaves its place', () => {
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock);
  const listener = perPeer({ port: 9, network, clock, maxPeers: 1 });
  listener.open({ listening: () => {}, accepted: () => {} } as never);
  clock.runTasks();
  for (const host of ['10.0.0.2', '10.0.0.3']) {
    listener.requestAccept();
    network.socket.arrive(host, 'hi');
  }
  expect([listener.size, listener.evicted]).toEqual([1, 1]);
});

it('frames in datagrams are decoded one datagram at a time, and a bad one closes nothing', async () => {
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock);
  const read: string[] = [];
  const errors: string[] = [];
  const opening = new ServerBootstrap()
    .childOptions({ clock, logger: silentLogger })
    .childHandler((channel) =>
      channel.pipeline.addLast(new DatagramDecoder(() => new LineFrameDecoder({ maxLength: 8 })), {
        channelRead: (_ctx: Context, line: Buffer) => void read.push(String(line)),
        exceptionCaught: (_ctx: Context, error: Error) =>
          void errors.push(isHeadraceError(error) ? error.code : error.message),
      }),
    )
    .bind({ listener: perPeer({ port: 9, network, clock }) });
  for (let i = 0; i < 8; i++) await Promise.resolve();
  clock.runTasks();
  const server = await opening;
  for (const text of ['one\ntwo\n', 'cut', 'longer than that\n', 'three\n']) {
    network.socket.arrive('10.0.0.2', text);
  }
  expect(read).toEqual(['one', 'two', 'three']);
  expect(errors).toEqual(['HR_ERR_FRAME_TRUNCATED', 'HR_ERR_FRAME_TOO_LONG']);
  expect(server.connections.size).toBe(1);
});

it('a peer reports no outcome after its close, whatever stands on it', () => {
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock);
  const listener = perPeer({ port: 9, network, clock });
  const peers: Transport[] = [];
  const accepted = (peer: Transport) => void peers.push(peer);
  listener.open({ listening: () => {}, accepted } as never);
  clock.runTasks();
  listener.requestAccept();
  network.socket.arrive('10.0.0.2', 'hi');
  const reports: string[] = [];
  const [peer] = peers;
  peer!.open({
    written: () => reports.push('written'),
    disconnected: () => reports.push('disconnected'),
  } as never);
  network.socket.isStuck = true;
  peer!.write([Buffer.from('x')], 1);
  peer!.close({ reason: 'local', by: 'local', error: undefined });
  network.socket.take();
  expect(reports).toEqual(['disconnected']);
});

it.each([
  ['for want of places', { maxPeers: 1 }, '10.0.0.3:1'],
  ['of its address', { maxStrangersPerAddress: 1 }, '10.0.0.2:2'],
])(
  'no peer opens in a listener that the handlers of a stranger that is pushed out %s close',
  async (_why, options, next) => {
    let end = (): void => {};
    const opened: string[] = [];
    const { socket, listener, server, clock } = await serve(options, (channel) => {
      opened.push(hostOf(channel));
      channel.onClosed(() => end());
    });
    end = () => void server.channel.close('shutdown');
    socket.arrive('10.0.0.2:1', 'hi');
    socket.arrive(next, 'hi');
    clock.runTasks();
    expect(opened).toEqual(['10.0.0.2']);
    expect([listener.size, listener.evicted, listener.refused]).toEqual([0, 1, 1]);
    expect([server.connections.size, socket.isClosed]).toEqual([0, true]);
  },
);

it('no peer opens while the handlers of a stranger that is pushed out pause accepting', async () => {
  let pause = (): void => {};
  const { socket, listener, server } = await serve({ maxPeers: 1 }, (channel) => {
    channel.onClosed(() => pause());
  });
  pause = () => listener.pauseAccepting();
  socket.arrive('10.0.0.2', 'hi');
  socket.arrive('10.0.0.3', 'hi');
  expect([listener.size, listener.refused, server.connections.size]).toEqual([0, 1, 0]);
});

it('the counts of a peer are those of its socket, and its groups are those of the bind', async () => {
  const { socket, listener, server, channelOf } = await serve();
  socket.arrive('10.0.0.2', 'hi');
  const peer = channelOf('10.0.0.2')!;
  expect(datagramCounters(peer)).toBe(listener.counters);
  for (const channel of [peer, server.channel as Channel]) {
    for (const change of [joinGroup, leaveGroup]) {
      expect(() => change(channel, { group: '224.0.0.114' })).toThrow('perPeer({ groups })');
    }
  }
  expect(() => datagramCounters(server.channel as Channel)).toThrow('counters of the listener');
});

it('odd senders end nothing: with a zone, without a port, from everywhere and from nowhere', async () => {
  const { socket, listener, server, read, clock } = await serve({ amplification: false });
  const hosts = [
    'fe80::1%eth0',
    'fe80::1%',
    '::',
    '0.0.0.0',
    '255.255.255.255',
    '::ffff:10.0.0.2',
    '',
  ];
  for (const host of hosts) {
    for (const port of [0, 65_535]) {
      clock.run(() => socket.user.arrived(Buffer.from('echo'), host, port, 'IPv6'));
    }
  }
  clock.runTasks();
  expect([listener.size, server.connections.size, read.length]).toEqual([14, 14, 14]);
});
