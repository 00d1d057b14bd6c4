import {
  Bootstrap,
  type Channel,
  type Context,
  MemoryNetwork,
  MemoryTransport,
  type Server,
  ServerBootstrap,
  silentLogger,
  type TransportSink,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { resolveChannelOptions } from '../../src/channel/channel-options.ts';
import { startChannel, TransportChannel } from '../../src/channel/transport-channel.ts';
import { MemoryEnd } from '../../src/transport/memory-end.ts';
import { systemError } from '../../src/transport/system-error.ts';
import { Inbox } from '../fixture/inbox.ts';

class Echo {
  channelRead(ctx: Context, bytes: Buffer): void {
    ctx.write(bytes);
  }
  channelReadComplete(ctx: Context): void {
    ctx.flush();
  }
}

async function echoServer(
  network: MemoryNetwork,
  clock: VirtualClock,
  name = 'echo',
): Promise<Server> {
  const bound = new ServerBootstrap()
    .childOptions({ clock, logger: silentLogger })
    .childHandler((channel) => void channel.pipeline.addLast(new Echo()))
    .bind({ network, name });
  clock.runTasks();
  return await bound;
}

async function connect(
  network: MemoryNetwork,
  clock: VirtualClock,
  inbox: Inbox,
): Promise<Channel> {
  const connected = new Bootstrap()
    .options({ clock, logger: silentLogger })
    .handler((channel) => void channel.pipeline.addLast(inbox))
    .connect({ network, name: 'echo' });
  clock.runTasks();
  return (await connected) as Channel;
}

describe('a memory network on virtual time', () => {
  it('does everything when the clock runs its tasks, and nothing before', async () => {
    const [network, clock, inbox] = [new MemoryNetwork(), new VirtualClock(), new Inbox()];
    const server = await echoServer(network, clock);
    expect([network.names, server.address]).toEqual([['echo'], { path: 'memory:echo' }]);
    const channel = await connect(network, clock, inbox);
    channel.writeAndFlush(Buffer.from('hello'));
    expect(inbox.messages).toEqual([]);
    clock.runTasks();
    expect(String(inbox.messages[0])).toBe('hello');
    expect(channel.remoteAddress).toEqual({ path: 'memory:echo' });
    expect([...server.connections][0]!.remoteAddress).toEqual({ path: 'memory:echo#1' });
    channel.close();
    clock.runTasks();
    expect([server.connections.size, clock.pendingTimers]).toEqual([0, 0]);
    await server.close();
    clock.runTasks();
    expect(network.names).toEqual([]);
  });

  it('knows only the names of its own', async () => {
    const [one, clock] = [new MemoryNetwork(), new VirtualClock()];
    await echoServer(one, clock);
    const wrong = connect(new MemoryNetwork(), clock, new Inbox());
    await expect(wrong).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
      message: expect.stringContaining('nobody listens there'),
    });
  });

  it('refuses a name that is taken, and gives it free at the close', async () => {
    const [network, clock] = [new MemoryNetwork(), new VirtualClock()];
    const server = await echoServer(network, clock);
    await expect(echoServer(network, clock)).rejects.toMatchObject({
      code: 'HR_ERR_BIND_FAILED',
      message:
        'cannot listen on the name "echo": this program or another one uses it already (EADDRINUSE)',
    });
    await server.close();
    await echoServer(network, clock);
  });

  it('keeps connections that come while accepting is paused, and refuses those beyond', async () => {
    const [network, clock] = [new MemoryNetwork(), new VirtualClock()];
    const server = await echoServer(network, clock);
    server.channel.autoRead = false;
    const channels = await Promise.all(
      Array.from({ length: 1024 }, () => connect(network, clock, new Inbox())),
    );
    expect(server.connections.size).toBe(0);
    await expect(connect(network, clock, new Inbox())).rejects.toThrow('its backlog is full');
    server.channel.autoRead = true;
    expect(server.connections.size).toBe(1024);
    for (const channel of channels) channel.abort();
    clock.runTasks();
    expect(server.connections.size).toBe(0);
  });

  it('cancels a connect whose result was not used yet', async () => {
    const [network, clock] = [new MemoryNetwork(), new VirtualClock()];
    const server = await echoServer(network, clock);
    const abort = new AbortController();
    const connecting = new Bootstrap()
      .options({ clock })
      .handler(() => {})
      .connect({ network, name: 'echo' }, { signal: abort.signal });
    abort.abort();
    clock.runTasks();
    await expect(connecting).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.connections.size).toBe(0);
  });
});

describe('a pair', () => {
  function pairOf(capacityBytes: number): [TransportChannel, TransportChannel, VirtualClock] {
    const clock = new VirtualClock();
    const options = resolveChannelOptions({ clock, logger: silentLogger });
    const [one, two] = MemoryTransport.pair({ capacityBytes, clock }).map(
      (transport) => new TransportChannel(transport, options),
    );
    startChannel(one!);
    startChannel(two!);
    return [one!, two!, clock];
  }

  it('holds no more than its capacity, and notifies the writer when the rest was taken', () => {
    const [one, two, clock] = pairOf(10);
    const inbox = new Inbox();
    two.pipeline.addLast(inbox);
    two.autoRead = false;
    clock.runTasks();
    const future = one.writeAndFlush(Buffer.from('0123456789abcdefghijklmno'));
    clock.runTasks();
    // What the reader asked for before it stopped may still come.
    while (!future.isSettled) {
      expect(one.pendingOutboundBytes).toBeGreaterThan(0);
      two.read();
      clock.runTasks();
    }
    while (Buffer.concat(inbox.messages as Buffer[]).length < 25) {
      two.read();
      clock.runTasks();
    }
    expect(inbox.messages.every((bytes) => (bytes as Buffer).length <= 10)).toBe(true);
    expect(String(Buffer.concat(inbox.messages as Buffer[]))).toBe('0123456789abcdefghijklmno');
  });

  it('gives what was taken before a close, and resets a writer whose rest was not', () => {
    const [one, two, clock] = pairOf(4);
    const inbox = new Inbox();
    two.pipeline.addLast(inbox);
    clock.runTasks();
    one.writeAndFlush(Buffer.from('last'));
    one.close();
    clock.runTasks();
    expect(inbox.messages.map(String)).toEqual(['last']);
    expect(two.closeInfo?.reason).toBe('peer');
    const [reader, writer, time] = pairOf(4);
    reader.autoRead = false;
    const future = writer.writeAndFlush(Buffer.from('more than fits'));
    reader.close();
    time.runTasks();
    expect(future.error).toMatchObject({ code: 'HR_ERR_CHANNEL_RESET' });
    expect(writer.closeInfo?.reason).toBe('reset');
  });

  it('resets a peer that has closed without reading all, as TCP does', () => {
    const [reader, writer, clock] = pairOf(64);
    reader.autoRead = false;
    clock.runTasks();
    const future = writer.writeAndFlush(Buffer.from('never read'));
    clock.runTasks();
    reader.read();
    writer.writeAndFlush(Buffer.from('and more'));
    reader.close();
    clock.runTasks();
    expect(future.error).toBeUndefined();
    expect(writer.closeInfo?.reason).toBe('reset');
  });

  it('gives what came before a reset to a reader that reads', () => {
    const [one, two, clock] = pairOf(64);
    const inbox = new Inbox();
    two.pipeline.addLast(inbox);
    clock.runTasks();
    one.writeAndFlush(Buffer.from('last'));
    one.abort();
    clock.runTasks();
    expect(inbox.messages.map(String)).toEqual(['last']);
    expect(two.closeInfo?.reason).toBe('reset');
  });

  it('reports the error of an end that says so to a channel that does not read', () => {
    const clock = new VirtualClock();
    const end = new MemoryEnd({ path: 'near' }, { path: 'far' }, 64);
    Object.assign(end, { reportsError: true }).join(new MemoryEnd(end.remote, end.local, 64));
    const channel = new TransportChannel(
      MemoryTransport.over(clock, end),
      resolveChannelOptions({ clock, logger: silentLogger, autoRead: false }),
    );
    startChannel(channel);
    clock.runTasks();
    end.error = systemError('ECONNRESET', 'read ECONNRESET');
    end.user?.wake();
    clock.runTasks();
    expect(channel.closeInfo?.reason).toBe('reset');
  });

  it('fails a write whose rest the reader did not wait for', () => {
    const [reader, writer, clock] = pairOf(4);
    reader.pipeline.addLast({ channelReadComplete: (ctx) => ctx.close() });
    clock.runTasks();
    const future = writer.writeAndFlush(Buffer.from('sixsix'));
    clock.runTasks();
    // The rest is sent after the peer's end, and meets a peer that has gone.
    expect(future.error).toMatchObject({ code: 'HR_ERR_CHANNEL_RESET' });
    expect(writer.closeInfo?.reason).toBe('reset');
  });

  it('ends its half only after everything that was written', () => {
    const clock = new VirtualClock();
    const [near, far] = MemoryTransport.pair({ capacityBytes: 4, clock });
    const seen: string[] = [];
    const sinkOf = (name: string) =>
      ({
        received: (bytes: unknown) => seen.push(String(bytes)),
        readComplete: () => far.requestRead(),
        written() {},
        outputEnded: () => seen.push(`${name} ended, ${near.unsentBytes} unsent`),
        inputEnded: () => seen.push(`${name} got the end`),
      }) as unknown as TransportSink;
    near.open(sinkOf('near'));
    far.open(sinkOf('far'));
    near.write([Buffer.from('sixsixsixsix')], 12);
    near.shutdownOutput();
    clock.runTasks();
    expect(seen).toEqual([]);
    far.requestRead();
    clock.runTasks();
    expect(seen.filter((text) => text.length > 4)).toEqual([
      'near ended, 0 unsent',
      'far got the end',
    ]);
    expect(seen.at(-1)).toBe('far got the end');
  });

  it('takes nothing of messages of which one cannot write itself', () => {
    const clock = new VirtualClock();
    const [near, far] = MemoryTransport.pair({ capacityBytes: 4, clock });
    const received: string[] = [];
    for (const end of [near, far]) {
      const sink = {
        received: (bytes: unknown) => received.push(String(bytes)),
        readComplete() {},
      };
      end.open(sink as unknown as TransportSink);
    }
    const writeTo = () => {
      throw new Error('no');
    };
    for (const byteLength of [1, 4]) {
      const broken = { byteLength, writeTo };
      expect(() => near.write([Buffer.from('abc'), broken], 3 + byteLength)).toThrow('no');
    }
    expect(near.write([Buffer.from('good')], 4)).toBe(true);
    far.requestRead();
    clock.runTasks();
    expect([received, near.unsentBytes]).toEqual([['good'], 0]);
  });

  it('refuses an invalid capacity', () => {
    expect(() => new MemoryNetwork({ capacityBytes: 0 })).toThrow(/capacityBytes is 0/);
  });
});
