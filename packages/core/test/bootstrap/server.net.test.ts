import {
  Bootstrap,
  type Channel,
  type Context,
  DrainEvent,
  type Handler,
  type Server,
  ServerBootstrap,
  silentLogger,
  type WriteFuture,
} from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import { VirtualClock } from '@headrace/core/testing';
import { afterEach, describe, expect, it } from 'vitest';

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

/** Keeps the shutdown event, and answers it if it knows how. */
class Worker implements Handler {
  static reported: { readonly at: number; readonly event: DrainEvent }[] = [];
  private readonly answer: (ctx: Context) => void;

  constructor(answer: (ctx: Context) => void) {
    this.answer = answer;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (!(event instanceof DrainEvent)) return;
    Worker.reported.push({ at: ctx.clock.now(), event });
    this.answer(ctx);
  }
}

async function start(
  clock: VirtualClock,
  answer: (ctx: Context) => void = () => {},
): Promise<Server> {
  Worker.reported = [];
  const server = await new ServerBootstrap()
    .options({ clock, logger: silentLogger })
    .childOptions({ clock, logger: silentLogger })
    .childHandler((channel) => channel.pipeline.addLast(new Worker(answer)))
    .bind({ port: 0, host: '127.0.0.1' });
  open.push(server);
  return server;
}

async function connect(server: Server, count: number): Promise<Channel[]> {
  const client = new Bootstrap().options({ logger: silentLogger }).handler(() => {});
  const arrived = new Promise<void>((resolve) => {
    const check = () => {
      if (server.connections.size < count) server.once('connection', check);
      else resolve();
    };
    server.once('connection', check);
  });
  const channels = await Promise.all(
    Array.from({ length: count }, () => client.connect({ port: server.port, host: '127.0.0.1' })),
  );
  await arrived;
  return channels as Channel[];
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('close', () => {
  it('stops listening and closes every connection now', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    const clients = await connect(server, 3);
    const children = [...server.connections];
    const reasons: string[] = [];
    server.once('close', (info) => reasons.push(info.reason));
    await clock.run(() => server.close());
    clock.runTasks();
    await Promise.all(clients.map((client) => client.closed));
    expect(children.map((child) => child.closeInfo?.reason)).toEqual(Array(3).fill('shutdown'));
    expect(reasons).toEqual(['shutdown']);
    expect(server.connections.size).toBe(0);
    expect(Worker.reported).toEqual([]);
  });
});

describe('close, for a connection whose handler fails to close', () => {
  it('resets it', async () => {
    const stubborn: Handler = {
      close() {
        throw new Error('not now');
      },
    };
    const server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((channel) => channel.pipeline.addLast(stubborn))
      .bind({ port: 0, host: '127.0.0.1' });
    const [client] = await connect(server, 1);
    await server.close();
    expect(server.connections.size).toBe(0);
    expect((await client!.closed).reason).toBe('reset');
  });
});

describe('shutdown', () => {
  it('stops accepting, notifies every child, and is done when the last one has closed', async () => {
    const clock = new VirtualClock();
    const server = await start(clock, (ctx) => void ctx.channel.end({ reason: 'shutdown' }));
    const { port } = server;
    await connect(server, 3);
    const down = server.shutdown({ drainTimeoutMs: 5000 });
    expect(server.channel.isOpen).toBe(false);
    await down;
    expect(Worker.reported).toHaveLength(3);
    expect(Worker.reported[0]!.event.timeoutMs).toBe(5000);
    expect(server.connections.size).toBe(0);
    expect(clock.now()).toBe(0);
    const late = new Bootstrap().options({ logger: silentLogger }).handler(() => {});
    await expect(late.connect({ port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
    });
  });

  it('closes the rest at the deadline', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    const clients = await connect(server, 3);
    const down = server.shutdown({ drainTimeoutMs: 5000 });
    let isDone = false;
    void down.then(() => {
      isDone = true;
    });
    clock.advance(4999);
    await turn();
    expect([isDone, server.connections.size]).toEqual([false, 3]);
    clock.advance(1);
    await down;
    expect(server.connections.size).toBe(0);
    await Promise.all(clients.map((client) => client.closed));
    clock.runTasks();
    expect(clock.pendingTimers).toBe(0);
  });

  it('a second call joins the first', async () => {
    const clock = new VirtualClock();
    const server = await start(clock, (ctx) => void ctx.close('shutdown'));
    await connect(server, 2);
    const [first, second] = [server.shutdown(), server.shutdown({ drainTimeoutMs: 1 })];
    expect(second).toBe(first);
    await first;
    await server.shutdown();
    await server.close();
    expect(Worker.reported).toHaveLength(2);
  });

  it('a connection accepted meanwhile is notified, too', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    await connect(server, 1);
    const down = server.shutdown({ drainTimeoutMs: 5000 });
    expect(Worker.reported).toHaveLength(1);
    const other = await start(clock);
    await connect(other, 1);
    const [late] = other.connections;
    Worker.reported = [];
    server.adopt(late!);
    expect(Worker.reported).toHaveLength(1);
    clock.advance(5000);
    await down;
    expect(late!.isOpen).toBe(false);
  });

  it('notifies and closes in batches', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    await connect(server, 5);
    const down = server.shutdown({ drainTimeoutMs: 1000, batch: 2, everyMs: 100 });
    expect(Worker.reported).toHaveLength(2);
    clock.advance(100);
    expect(Worker.reported).toHaveLength(4);
    clock.advance(100);
    expect(Worker.reported.map(({ at }) => at)).toEqual([0, 0, 100, 100, 200]);
    const sizes: number[] = [];
    clock.advance(800);
    // Those that are closed together come back together, so there is as much time between them.
    for (let left = 5; left > 0; left = server.connections.size) {
      sizes.push(server.connections.size);
      clock.advance(100);
    }
    await down;
    expect(sizes).toEqual([3, 1]);
    expect(clock.now()).toBe(1200);
  });

  it('notifies the last batch in time, however many there are', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    await connect(server, 5);
    const down = server.shutdown({ drainTimeoutMs: 1000, batch: 1, everyMs: 900 });
    clock.advance(999);
    expect(Worker.reported.map(({ at }) => at)).toEqual([0, 200, 400, 600, 800]);
    expect(Worker.reported.map(({ event }) => event.timeoutMs)).toEqual([1000, 800, 600, 400, 200]);
    clock.advance(1001);
    await down;
  });

  it('the signal of a second call counts, and its listener goes', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    await connect(server, 1);
    const abort = new AbortController();
    const down = server.shutdown({ drainTimeoutMs: 60_000 });
    const joined = server.shutdown({ signal: abort.signal });
    abort.abort();
    await Promise.all([down, joined]);
    expect([server.connections.size, clock.now()]).toEqual([0, 0]);
  });

  it('a connection that comes after all is done is closed', async () => {
    const server = await start(new VirtualClock());
    await server.shutdown();
    const other = await start(new VirtualClock());
    await connect(other, 1);
    const [late] = other.connections;
    server.adopt(late!);
    expect(late!.closeInfo?.reason).toBe('shutdown');
  });

  it('is done even if a handler keeps the close to itself', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    const keeper = new (class implements Handler {
      close(): WriteFuture {
        return SettableFuture.succeeded();
      }
    })();
    server.once('connection', (channel) => void channel.pipeline.addLast(keeper));
    await connect(server, 1);
    const down = server.shutdown({ drainTimeoutMs: 100 });
    clock.advance(100);
    await down;
    expect(server.connections.size).toBe(0);
  });

  it('a signal ends the waiting', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    await connect(server, 2);
    const abort = new AbortController();
    const down = server.shutdown({ drainTimeoutMs: 60_000, signal: abort.signal });
    abort.abort();
    await down;
    expect(server.connections.size).toBe(0);
    expect(clock.now()).toBe(0);
    clock.runTasks();
    expect(clock.pendingTimers).toBe(0);
  });

  it('with no connections it is done at once, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    await server.shutdown();
    clock.runTasks();
    expect(clock.pendingTimers).toBe(0);
    expect(clock.now()).toBe(0);
  });

  it.each([
    [{ drainTimeoutMs: -1 }, /drainTimeoutMs/],
    [{ batch: 0 }, /batch/],
    [{ batch: 1.5 }, /batch/],
    [{ everyMs: Number.NaN }, /everyMs/],
    [{ drainTimeoutMs: 100, everyMs: 200 }, /everyMs \(200\)/],
  ])('refuses %o', async (options, message) => {
    const server = await start(new VirtualClock());
    await expect(server.shutdown(options)).rejects.toMatchObject({
      message: expect.stringMatching(message),
    });
    expect(server.channel.isOpen).toBe(true);
    await expect(server.shutdown({ drainTimeoutMs: 0 })).resolves.toBeUndefined();
  });

  it('sendOn drains some connections, each once, and goes on serving', async () => {
    const clock = new VirtualClock();
    const server = await start(clock);
    await connect(server, 5);
    const all = [...server.connections];
    const first = server.sendOn(2, { drainTimeoutMs: 1000 });
    const second = server.sendOn(1, { drainTimeoutMs: 1000 });
    expect(Worker.reported).toHaveLength(3);
    clock.advance(1000);
    await Promise.all([first, second]);
    expect(all.map(({ isOpen }) => isOpen)).toEqual([false, false, false, true, true]);
    await connect(server, 3);
    expect(all.slice(3).every(({ isOpen }) => isOpen)).toBe(true);
    await server.sendOn(0);
    const rest = server.sendOn(1000, { drainTimeoutMs: 1000 });
    clock.advance(1000);
    await rest;
    expect(server.connections.size).toBe(0);
    await expect(server.sendOn(-1)).rejects.toThrow('count');
    await expect(server.sendOn(1, { batch: 0 })).rejects.toThrow('batch');
  });

  it('await using drains', async () => {
    const clock = new VirtualClock();
    const server = await start(clock, (ctx) => void ctx.close('shutdown'));
    await connect(server, 1);
    await server[Symbol.asyncDispose]();
    expect([server.channel.isOpen, server.connections.size]).toEqual([false, 0]);
  });
});
