import { AsyncResource } from 'node:async_hooks';
import {
  Bootstrap,
  type Channel,
  ChannelGroup,
  type Context,
  type Handler,
  MemoryTransport,
  openChannel,
  ServerBootstrap,
  type SocketOptions,
  stderrLogger,
} from '@headrace/core';
import {
  describeOptions,
  PendingWriteQueue,
  RANDOM,
  SettableFuture,
} from '@headrace/core/authoring';
import {
  type Fault,
  type SimulatedHost,
  Simulation,
  SimulationError,
  type SimulationOptions,
} from '@headrace/simulation';
import { describe, expect, it, vi } from 'vitest';

/** As a handler has it that was given none. */
const RANDOM_OF_HANDLERS = describeOptions('Handler', { random: RANDOM });
const { random: randomOfHandlers } = RANDOM_OF_HANDLERS.part<{ random?: () => number }>({});

class Echo implements Handler {
  channelRead(ctx: Context, bytes: Buffer): void {
    ctx.writeAndFlush(bytes);
  }
}

function bind(host: SimulatedHost, handler: () => Handler = () => new Echo(), backlog?: number) {
  return new ServerBootstrap()
    .childOptions(host.options)
    .childHandler((channel) => void channel.pipeline.addLast(handler()))
    .bind({ network: host, port: 7, ...(backlog !== undefined && { backlog }) });
}

/** A connection that notes what it hears and how it ends. */
async function connect(host: SimulatedHost, keepAlive: SocketOptions = {}, connectTimeoutMs = 1e6) {
  const heard: string[] = [];
  const channel = await new Bootstrap()
    .options({ ...host.options, ...keepAlive, connectTimeoutMs, outboundStallMs: false })
    .handler(
      (channel: Channel) =>
        void channel.pipeline.addLast({
          channelRead: (_ctx: Context, bytes: Buffer) => void heard.push(bytes.toString()),
          exceptionCaught: () => {},
        }),
    )
    .connect({ network: host, host: 'server', port: 7 });
  let closedAt = -1;
  channel.onClosed(() => {
    closedAt = host.clock.now();
  });
  return { channel, heard, closedAt: () => closedAt };
}

type Connection = Awaited<ReturnType<typeof connect>>;

/** A server that echoes, and a client that is connected when the run begins to be interesting. */
function pair(options: Partial<SimulationOptions> = {}, keepAlive: SocketOptions = {}) {
  const sim = new Simulation({ seed: 1, cutShare: 0, ...options });
  sim.host('server', (host) => bind(host));
  const found: Connection[] = [];
  sim.host('client', async (host) => {
    found.push(await connect(host, keepAlive));
  });
  return { sim, client: () => found[0]! };
}

/** How a connect from `client` to `server` ends, and when. */
async function connectOutcome(sim: Simulation, untilMs = 200_000) {
  let outcome = '';
  sim.host('client', async (host) => {
    outcome = await connect(host).then(
      () => 'connected',
      (error: Error) => `${(error as { code?: string }).code} ${error.message}`,
    );
    outcome += ` at ${Math.round(host.clock.now())}`;
  });
  await sim.run({ untilMs });
  return outcome;
}

describe('Simulation', () => {
  it('runs a server and a client in virtual time', async () => {
    const { sim, client } = pair();
    sim.link('client', 'server').latency({ minMs: 10 });
    sim.at(100, () => client().channel.writeAndFlush(Buffer.from('hello')));
    await sim.run({ untilMs: 119 });
    expect(client().heard).toEqual([]);
    await sim.run({ untilMs: 120 });
    expect(client().heard).toEqual(['hello']);
    expect(sim.now).toBe(120);
    await sim.verify();
  });

  it('gives the same trace for the same seed, and another for another', async () => {
    const run = async (seed: number) => {
      const { sim, client } = pair({ seed, cutShare: 0.5 });
      sim.link('client', 'server').latency({ minMs: 1, maxMs: 50, shape: 'long-tail' });
      for (let i = 0; i < 50; i++) {
        sim.at(200 + 10 * i, () => client().channel.writeAndFlush(Buffer.from(`message ${i}`)));
      }
      sim.chaos({ partition: 20, freeze: 20, slow: 20, untilMs: 20_000 });
      await sim.run({ untilMs: 60_000 });
      expect(client().heard.join('')).toMatch(/^message 0.*message 49$/);
      return `${sim.trace.hash} ${sim.trace.length}`;
    };
    const first = await run(3);
    expect(await run(3)).toBe(first);
    expect(await run(4)).not.toBe(first);
  });

  it('freezes a host until the last of its freezes has ended', async () => {
    const sim = new Simulation({ seed: 8 });
    const ticks: number[] = [];
    sim.host('a', ({ clock }) => {
      const tick = (): void => {
        ticks.push(sim.now);
        clock.schedule(tick, 1);
      };
      tick();
    });
    sim.chaos({ freeze: 120, untilMs: 20_000 });
    await sim.run({ untilMs: 30_000 });
    const ends = (fault: Fault): number => fault.atMs + fault.forMs;
    const overlaps = sim.faults.filter((one) =>
      sim.faults.some((other) => other !== one && other.atMs < one.atMs && one.atMs < ends(other)),
    );
    expect(overlaps.length).toBeGreaterThan(0);
    for (const fault of sim.faults) {
      expect(ticks.filter((at) => fault.atMs < at && at < ends(fault))).toEqual([]);
    }
  });

  // Compared on every version of Node that CI runs.
  it('gives this trace on every version of Node', async () => {
    const { sim, client } = pair({ seed: 2026, cutShare: 0.3 });
    sim.link('client', 'server').latency({ minMs: 0.1, maxMs: 400, shape: 'long-tail' });
    for (let i = 0; i < 20; i++) {
      sim.at(1000 * i, () => client()?.channel.writeAndFlush(Buffer.from(`message ${i}`)));
    }
    sim.chaos({ partition: 10, slow: 10, freeze: 5, untilMs: 20_000 });
    await sim.run({ untilMs: 60_000 });
    expect(sim.trace.hash).toMatchInlineSnapshot(`"c8abce44b61fcc65"`);
  });

  it('runs everything that the promises of an action lead to at its own time', async () => {
    const sim = new Simulation({ seed: 1 });
    const times: number[] = [];
    sim.at(100, async () => {
      for (let i = 0; i < 10; i++) await undefined;
      times.push(sim.now);
    });
    sim.at(200, () => times.push(sim.now));
    await sim.run({ untilMs: 1000 });
    expect(times).toEqual([100, 200]);
    sim.at(2000, () => Promise.reject(new Error('wrong')));
    const failure = 'at 2000.0 ms an error reached the scenario: wrong';
    await expect(sim.run({ untilMs: 3000 })).rejects.toThrow(failure);
  });

  it('refuses invalid times and clocks', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('a', ({ clock }) => void clock.schedule(() => {}, Number.NaN));
    expect(() => sim.at(Number.NaN, () => {})).toThrow('atMs is NaN');
    expect(() => sim.setClock('a', { offset: 1 } as never)).toThrow('did you mean offsetMs?');
    expect(() => sim.setClock('a', { offsetMs: Number.NaN })).toThrow('offsetMs is NaN');
    expect(() => sim.setClock('a', { drift: -1 })).toThrow('drift is -1');
    await expect(sim.run({ untilMs: 100 })).rejects.toThrow('NaN ms');
  });

  it('says that a plan of chaos names a host that there is not', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('a', () => {});
    expect(() => sim.chaos({ crash: 1, hosts: [], untilMs: 1 })).toThrow('hosts.length is 0');
    sim.chaos({ hosts: ['b'], untilMs: 60_000 });
    await expect(sim.run({ untilMs: 1 })).rejects.toThrow('there is no host b, only a');
  });

  it('is not verified before it has run, nor while it runs', async () => {
    const sim = new Simulation({ seed: 1 });
    await expect(sim.verify()).rejects.toThrow('has not run: a scenario has to await sim.run()');
    sim.host('a', () => {});
    const run = sim.run({ untilMs: 10 });
    await expect(sim.verify()).rejects.toThrow('is still running');
    await run;
    await sim.verify();
  });

  it('runs all that promises lead to before the next event', async () => {
    const sim = new Simulation({ seed: 1 });
    const order: string[] = [];
    sim.host('a', (host) => {
      host.clock.schedule(async () => {
        order.push('timer 1');
        for (let i = 0; i < 100; i++) await undefined;
        await new Promise<void>((resolve) => process.nextTick(resolve));
        host.clock.execute(() => order.push('task'));
        await undefined;
        order.push('end of 1');
      }, 10);
      host.clock.schedule(() => order.push('timer 2'), 10);
    });
    await sim.run({ untilMs: 20 });
    expect(order).toEqual(['timer 1', 'end of 1', 'timer 2', 'task']);
  });

  it('fails with what a program throws, rejects with, or leaves unhandled', async () => {
    const failureOf = (program: (host: SimulatedHost) => unknown) => {
      const sim = new Simulation({ seed: 1 });
      sim.host('a', program);
      return sim.run({ untilMs: 100 }).catch((error: Error) => error.message);
    };
    const text = (message: string) =>
      `at 0.0 ms an error reached the process of host a: ${message}`;
    expect(await failureOf(() => Promise.reject(new Error('one')))).toBe(text('one'));
    const thrower = () => {
      throw new Error('two');
    };
    expect(await failureOf(thrower)).toBe(text('two'));
    expect(await failureOf(() => void Promise.reject(new Error('three')))).toContain('three');
    expect(await failureOf(() => process.nextTick(thrower))).toContain('two');
  });

  it('refuses invalid options', async () => {
    expect(() => new Simulation({ seed: -1 })).toThrow('seed is -1');
    expect(() => new Simulation({ seed: 1, cuts: 1 } as never)).toThrow('no option cuts');
    const sim = new Simulation({ seed: 1 });
    sim.host('a', () => {});
    expect(() => sim.host('a', () => {})).toThrow('the host a exists already');
    expect(() => sim.crash('b')).toThrow('there is no host b, only a');
    expect(() => sim.chaos({ crash: -1, untilMs: 1 })).toThrow('crash is -1');
    expect(() => sim.link('a', 'a').latency({ minMs: 2, maxMs: 1 })).not.toThrow();
    await expect(sim.run({ untilMs: Number.NaN })).rejects.toThrow('untilMs is NaN');
    await sim.run({ untilMs: 10 });
    await expect(sim.run({ untilMs: 5 })).rejects.toThrow('untilMs is 5');
  });

  it('notices that the time stands still', async () => {
    const sim = new Simulation({ seed: 1 });
    // In the loop itself: what `at` plans takes a turn of the real event loop each time.
    const { loop } = sim['world'];
    const again = () => void loop.plan(0, again);
    again();
    await expect(sim.run({ untilMs: 1 })).rejects.toThrow('the time stands still at 0 ms');
  });
});

describe('a simulated connect', () => {
  it('is refused where no server listens', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('server', () => {});
    expect(await connectOutcome(sim)).toMatch(/^HR_ERR_CHANNEL_REFUSED .* at 2$/);
  });

  it('does not find a host that there is not', async () => {
    expect(await connectOutcome(new Simulation({ seed: 1 }))).toMatch(/ENOTFOUND server\) at 0$/);
  });

  it('times out after 127 s where nothing answers', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('server', (host) => bind(host));
    sim.at(0, () => sim.partition('server', 'client'));
    expect(await connectOutcome(sim)).toMatch(/ETIMEDOUT.* at 127000$/);
  });

  it('fails at once where a router says that there is no way', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('server', (host) => bind(host));
    sim.at(0, () => sim.partition('server', 'client', { answered: true }));
    expect(await connectOutcome(sim)).toMatch(/EHOSTUNREACH.* at 1$/);
  });

  it('succeeds by a later SYN when the partition ends', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('server', (host) => bind(host));
    sim.at(0, () => sim.partition('server', 'client'));
    sim.at(2500, () => sim.repair('server', 'client'));
    // SYNs at 0, 1 and 3 s.
    expect(await connectOutcome(sim)).toBe('connected at 3002');
  });

  it('waits where the backlog is full', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('server', async (host) => {
      const server = await bind(host, undefined, 2);
      server.channel.autoRead = false;
    });
    const connected: number[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      sim.host(name, async (host) => {
        await connect(host);
        connected.push(host.clock.now());
      });
    }
    await sim.run({ untilMs: 60_000 });
    // One was accepted before reading stopped at the latest.
    expect(connected.length).toBeGreaterThanOrEqual(2);
    expect(connected.length).toBeLessThanOrEqual(3);
  });
});

describe('a simulated connection', () => {
  it('survives a partition: what was sent arrives, by retransmission', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.partition('client', 'server'));
    sim.at(2000, () => client().channel.writeAndFlush(Buffer.from('hello')));
    sim.at(100_000, () => sim.repair('client', 'server'));
    await sim.run({ untilMs: 240_000 });
    expect(client().heard).toEqual(['hello']);
    expect(client().channel.isOpen).toBe(true);
  });

  it('breaks after the time-out of retransmission, 924.6 s on Linux', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.partition('client', 'server'));
    sim.at(2000, () => client().channel.writeAndFlush(Buffer.from('hello')));
    await sim.run({ untilMs: 1_000_000 });
    expect(client().closedAt()).toBeCloseTo(2000 + 924_600, -1);
    expect(client().channel.closeInfo).toMatchObject({ reason: 'unreachable', by: 'network' });
  });

  it('is lost one way: what the client sends arrives, and it does not know', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.partition('server', 'client', { oneWay: true }));
    sim.at(2000, () => client().channel.writeAndFlush(Buffer.from('hello')));
    sim.at(30_000, () => sim.repair('server', 'client'));
    await sim.run({ untilMs: 20_000 });
    expect(client().heard).toEqual([]);
    expect(sim.trace.text()).toContain('client → server  5 B');
    await sim.run({ untilMs: 100_000 });
    expect(client().heard).toEqual(['hello']);
  });

  it('keeps what is held until it is released', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.hold('client', 'server'));
    sim.at(2000, () => client().channel.writeAndFlush(Buffer.from('one')));
    sim.at(3000, () => client().channel.writeAndFlush(Buffer.from(' two')));
    sim.at(50_000, () => sim.release('client', 'server'));
    await sim.run({ untilMs: 49_999 });
    expect(client().heard).toEqual([]);
    await sim.run({ untilMs: 51_000 });
    expect(client().heard.join('')).toBe('one two');
  });

  it('releases in the order in which it was sent, where each segment takes its own time', async () => {
    const { sim, client } = pair();
    sim.link('client', 'server').latency({ minMs: 1, maxMs: 50 });
    const say = (text: string) => void client().channel.writeAndFlush(Buffer.from(text));
    sim.at(1000, () => sim.hold('client', 'server'));
    for (let i = 0; i < 10; i++) sim.at(1010 + i, () => say(`${i}`));
    sim.at(2000, () => {
      sim.release('client', 'server');
      say('!');
    });
    await sim.run({ untilMs: 3000 });
    expect(client().heard.join('')).toBe('0123456789!');
  });

  it('does not notice a crash, until it writes to the machine that is back', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.crash('server'));
    sim.at(5000, () => sim.restart('server'));
    await sim.run({ untilMs: 3_600_000 });
    expect(client().channel.isOpen).toBe(true);
    sim.at(3_600_001, () => client().channel.writeAndFlush(Buffer.from('hello')));
    await sim.run({ untilMs: 3_601_000 });
    expect(client().channel.closeInfo?.reason).toBe('reset');
  });

  it('is ended by the kernel of a process that stops', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.stop('server'));
    await sim.run({ untilMs: 1001 });
    expect(client().closedAt()).toBe(1001);
    expect(client().channel.closeInfo?.reason).toBe('peer');
  });

  it('is reset by a process that stops with something unread', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.freeze('server'));
    sim.at(1001, () => client().channel.writeAndFlush(Buffer.from('hello')));
    sim.at(2000, () => sim.stop('server'));
    await sim.run({ untilMs: 3000 });
    expect(client().channel.closeInfo?.reason).toBe('reset');
  });

  it('is reset for both by a box between them', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.reset('client', 'server'));
    await sim.run({ untilMs: 1000 });
    expect(client().channel.closeInfo?.reason).toBe('reset');
    await sim.verify();
  });

  it('gives what had arrived before a reset, even when a late segment comes after it', async () => {
    // As on Linux, where a reset drops what is to be sent, and no byte that has arrived: recv() gives them, then ECONNRESET.
    const sim = new Simulation({ seed: 1, cutShare: 0, latency: { minMs: 100, maxMs: 100 } });
    sim.host('server', (host) =>
      bind(host, () => ({
        channelActive: ({ channel }) => {
          host.clock.schedule(() => channel.writeAndFlush(Buffer.from('before')), 1000);
          host.clock.schedule(() => channel.writeAndFlush(Buffer.from('late')), 1400);
        },
      })),
    );
    let client: Connection | undefined;
    sim.host('client', async (host) => {
      client = await connect(host);
      client.channel.autoRead = false;
    });
    // `before` is here and unread, `late` is on its way.
    sim.at(1750, () => sim.reset('client', 'server'));
    sim.at(2000, () => {
      client!.channel.autoRead = true;
    });
    await sim.run({ untilMs: 1900 });
    expect(sim.trace.text()).toMatch(/client → server {2}RST$/);
    await sim.run({ untilMs: 3000 });
    expect(client!.heard).toEqual(['before']);
    expect(client!.channel.closeInfo?.reason).toBe('reset');
    await sim.verify();
  });

  it('waits for a frozen peer as long as it takes: its kernel answers', async () => {
    const { sim, client } = pair();
    sim.at(1000, () => sim.freeze('server'));
    sim.at(2000, () => client().channel.writeAndFlush(Buffer.from('hello')));
    await sim.run({ untilMs: 3_600_000 });
    expect(client().channel.isOpen).toBe(true);
    expect(client().heard).toEqual([]);
    sim.at(3_600_001, () => sim.thaw('server'));
    await sim.run({ untilMs: 3_600_100 });
    expect(client().heard).toEqual(['hello']);
  });

  it('pushes back when the buffers are full, and goes on', async () => {
    const { sim, client } = pair({ bufferBytes: 10_000 });
    sim.at(1000, () => sim.freeze('server'));
    sim.at(2000, () => client().channel.writeAndFlush(Buffer.alloc(50_000, 'x')));
    await sim.run({ untilMs: 100_000 });
    expect(client().channel.pendingOutboundBytes).toBeGreaterThanOrEqual(50_000);
    sim.at(100_000, () => sim.thaw('server'));
    await sim.run({ untilMs: 200_000 });
    expect(client().channel.pendingOutboundBytes).toBe(0);
    expect(client().heard.join('')).toBe('x'.repeat(50_000));
  });

  it('takes the time that its bandwidth needs', async () => {
    const { sim, client } = pair();
    sim.path('client', 'server').bandwidth(10_000);
    sim.at(1000, () => client().channel.writeAndFlush(Buffer.alloc(9960, 'x')));
    await sim.run({ untilMs: 2001 });
    expect(client().heard).toEqual([]);
    await sim.run({ untilMs: 2003 });
    expect(client().heard.join('')).toHaveLength(9960);
  });

  it('is found dead by keepalive when it is idle, as Linux does it', async () => {
    const { sim, client } = pair({}, { keepAliveInitialDelayMs: 5000 });
    sim.at(1000, () => sim.partition('client', 'server'));
    await sim.run({ untilMs: 60_000 });
    expect(client().closedAt() - 0).toBeCloseTo(15_002, -1);
    expect(client().channel.closeInfo?.reason).toBe('unreachable');
  });

  it('is found dead after the count of probes, at the interval that are set', async () => {
    const probes = { keepAliveInitialDelayMs: 5000, keepAliveIntervalMs: 7000, keepAliveCount: 3 };
    const { sim, client } = pair({}, probes);
    sim.at(1000, () => sim.partition('client', 'server'));
    await sim.run({ untilMs: 60_000 });
    expect(client().closedAt()).toBeCloseTo(26_002, -1);
    expect(client().channel.closeInfo?.reason).toBe('unreachable');
  });

  it('is kept by keepalive while the peer is there, and reset when it came back without it', async () => {
    const { sim, client } = pair({}, { keepAliveInitialDelayMs: 5000 });
    await sim.run({ untilMs: 600_000 });
    expect(client().channel.isOpen).toBe(true);
    sim.at(600_001, () => {
      sim.crash('server');
      sim.restart('server');
    });
    await sim.run({ untilMs: 606_100 });
    expect(client().channel.closeInfo?.reason).toBe('reset');
  });
});

describe('a simulated host', () => {
  it('has a clock that runs ahead, and a time of day', async () => {
    const sim = new Simulation({ seed: 1 });
    const fired: number[] = [];
    const host = sim.host('a', ({ clock }) => {
      clock.schedule(() => fired.push(sim.now), 1000);
      clock.schedule(() => fired.push(sim.now), 3000);
    });
    const before = host.clock.timeOfDay();
    sim.at(1500, () => sim.setClock('a', { drift: 0.5, offsetMs: 60_000 }));
    await sim.run({ untilMs: 3500 });
    expect(fired).toEqual([1000, 2500]);
    expect(host.clock.now()).toBe(1500 + 2000 * 1.5);
    expect(host.clock.timeOfDay() - before).toBe(4500 + 60_000);
    host.clock.schedule(() => fired.push(sim.now), 150);
    await sim.run({ untilMs: 4000 });
    expect(fired.at(-1)).toBe(3600);
    expect(new Date(before).toISOString()).toBe('2030-01-01T00:00:00.000Z');
  });

  it('has no part in what its earlier lives still do after an await', async () => {
    const sim = new Simulation({ seed: 1 });
    const done: string[] = [];
    const listeners: { close(): unknown }[] = [];
    sim.host('server', async (host) => {
      listeners.push(await bind(host));
    });
    sim.host('client', async (host) => {
      const life = host.startCount;
      await new Promise<void>((resolve) => void sim.at(100, resolve));
      host.clock.schedule(() => done.push(`timer of ${life}`), 1);
      void connect(host).then(() => done.push(`connection of ${life}`));
      if (life === 1) throw new Error('nobody is left to hear it');
    });
    for (const host of ['client', 'server']) {
      sim.at(50, () => sim.crash(host));
      sim.at(60, () => sim.restart(host));
    }
    // The port is the new listener's.
    sim.at(90, () => void listeners[0]!.close());
    await sim.run({ untilMs: 1000 });
    expect(done).toEqual(['timer of 2', 'connection of 2']);
    await sim.verify();
  });

  it.each(['crash', 'stop'] as const)('does nothing after a %s by its own handler', async (end) => {
    const sim = new Simulation({ seed: 1, cutShare: 0 });
    let heard: string[] | undefined;
    sim.host('server', (host) =>
      bind(host, () => ({
        channelRead(ctx, bytes: Buffer) {
          sim[end]('server');
          host.clock.schedule(() => host.note('late'), 0);
          ctx.writeAndFlush(bytes);
          void Promise.reject(new Error('late'));
        },
      })),
    );
    sim.host('client', async (host) => {
      const connection = await connect(host);
      heard = connection.heard;
      connection.channel.writeAndFlush(Buffer.from('hello'));
    });
    await sim.run({ untilMs: 1000 });
    expect(heard).toEqual([]);
    expect(sim.trace.text()).not.toMatch(/late|server → client {2}5 B/);
    await sim.verify();
  });

  it('has timers that follow its clock when it changes its speed', async () => {
    const sim = new Simulation({ seed: 1 });
    const times: number[] = [];
    sim.host('a', ({ clock }) => {
      clock.schedule(() => times.push(sim.now), 10_000);
      clock.schedule(() => times.push(-1), 10_000).cancel();
    });
    sim.at(1000, () => sim.setClock('a', { drift: 1 }));
    sim.at(5000, () => sim.setClock('a', { drift: -0.5 }));
    await sim.run({ untilMs: 20_000 });
    // One second, then eight in four, then one in two.
    expect(times).toEqual([7000]);
  });

  it('loses its timers with a crash, and starts again', async () => {
    const sim = new Simulation({ seed: 1 });
    const log: string[] = [];
    sim.host('a', ({ clock, startCount, random }) => {
      log.push(`start ${startCount} ${random() < 2}`);
      clock.schedule(() => log.push(`timer of ${startCount}`), 1000);
    });
    sim.at(500, () => sim.crash('a'));
    sim.at(700, () => sim.restart('a'));
    await sim.run({ untilMs: 5000 });
    expect(log).toEqual(['start 1 true', 'start 2 true', 'timer of 2']);
  });

  it('sees its clock move at each look, never back, and the same for the same seed', async () => {
    const looks = async (seed: number): Promise<number[]> => {
      const seen: number[] = [];
      const sim = new Simulation({ seed });
      sim.host('a', ({ clock }) => {
        const look = () => {
          for (let i = 0; i < 100; i++) seen.push(clock.now());
        };
        look();
        clock.schedule(look, 5);
        clock.schedule(look, 1000);
      });
      await sim.run({ untilMs: 2000 });
      return seen;
    };
    const first = await looks(1);
    expect(first).toEqual(await looks(1));
    expect(first).not.toEqual(await looks(2));
    expect(first).toEqual([...first].sort((a, b) => a - b));
    expect(new Set(first.slice(0, 20)).size).toBe(20);
    expect(first[99]).toBeLessThanOrEqual(1);
    // No timer is early for the program that has set it.
    expect(first[100]).toBeGreaterThanOrEqual(first[99]! + 5);
    expect(first[200]).toBeGreaterThanOrEqual(1000);
    expect(first.at(-1)).toBeLessThan(1003);
  });

  it('does late what became due while it was frozen', async () => {
    const sim = new Simulation({ seed: 1 });
    const fired: number[] = [];
    sim.host('a', ({ clock }) => {
      clock.schedule(() => fired.push(clock.now()), 1000);
      clock.schedule(() => fired.push(clock.now()), 2000);
      clock.schedule(() => fired.push(clock.now()), 9000);
    });
    sim.at(500, () => sim.freeze('a'));
    sim.at(5000, () => sim.thaw('a'));
    await sim.run({ untilMs: 10_000 });
    expect(fired.map(Math.floor)).toEqual([5000, 5000, 9000]);
  });

  it.each<[string, () => unknown]>([
    ['Math.random()', () => Math.random()],
    ['Math.random()', () => randomOfHandlers()],
    ['Date.now()', () => Date.now()],
    ['new Date()', () => new Date()],
    ['performance.now()', () => performance.now()],
    ['process.hrtime.bigint()', () => process.hrtime.bigint()],
    ['setTimeout()', () => setTimeout(() => {}, 1)],
    ['setImmediate()', () => setImmediate(() => {})],
    ['AbortSignal.timeout()', () => AbortSignal.timeout(1)],
    ['crypto.randomUUID()', () => crypto.randomUUID()],
    ['net.Socket.connect()', () => new Bootstrap().handler(() => {}).connect({ port: 1 })],
    [
      'net.Server.listen()',
      () => new ServerBootstrap().childHandler(() => {}).bind({ port: 0, transport: 'socket' }),
    ],
  ])('is told that %s is not of its seed', async (call, forbidden) => {
    const sim = new Simulation({ seed: 1 });
    sim.host('a', async () => {
      // Whoever swallows the error: the run fails all the same.
      await Promise.resolve()
        .then(forbidden)
        .catch(() => {});
    });
    const failure = await sim.run({ untilMs: 10_000 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SimulationError);
    expect(String(failure)).toContain(`host a called ${call}, which the seed does not decide: use`);
    expect(Math.random() < 1 && Date.now() > 0 && new Date(5).getTime() === 5).toBe(true);
  });

  it('takes what the network does for no fault of the program', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('server', (host) => bind(host));
    let reason: string | undefined;
    sim.host('client', async (host) => {
      const channel = await new Bootstrap()
        .options({ ...host.options, keepAliveInitialDelayMs: 5000 })
        .handler(() => {})
        .connect({ network: host, host: 'server', port: 7 });
      channel.onClosed(() => {
        reason = channel.closeInfo?.reason;
      });
    });
    sim.at(1000, () => sim.partition('client', 'server'));
    await sim.run({ untilMs: 30_000 });
    expect(reason).toBe('unreachable');
  });

  it('probes a closed window, and so finds that the receiver is gone', async () => {
    const sim = new Simulation({ seed: 1, cutShare: 0, bufferBytes: 1000 });
    sim.host('server', (host) =>
      new ServerBootstrap()
        .childOptions({ ...host.options, autoRead: false })
        .childHandler(() => {})
        .bind({ network: host, port: 7 }),
    );
    let reason: string | undefined;
    sim.host('client', async (host) => {
      const { channel } = await connect(host);
      channel.onClosed(() => {
        reason = channel.closeInfo?.reason;
      });
      channel.writeAndFlush(Buffer.alloc(5000));
    });
    sim.at(10_000, () => sim.crash('server'));
    sim.at(11_000, () => sim.restart('server'));
    await sim.run({ untilMs: 20_000 });
    expect(sim.trace.text().match(/window probe/g)!.length).toBeLessThan(10);
    expect(reason).toBe('reset');
  });

  it('resets a connection whose server crashed before it was whole', async () => {
    const { sim, client } = pair({ latency: { minMs: 100 } });
    // The SYN has come, the third segment of the handshake has not.
    sim.at(150, () => sim.crash('server'));
    sim.at(160, () => sim.restart('server'));
    sim.at(1000, () => client().channel.writeAndFlush(Buffer.from('hello')));
    await sim.run({ untilMs: 2000 });
    expect(client().channel.closeInfo?.reason).toBe('reset');
  });

  it('repeats its SYN when the answer of a server that has crashed got lost', async () => {
    const sim = new Simulation({ seed: 1, cutShare: 0, latency: { minMs: 50 } });
    sim.host('server', (host) => bind(host));
    // Its answer is on the way, then its line is cut, and its power goes.
    sim.at(60, () => sim.partition('server', 'client', { oneWay: true }));
    sim.at(70, () => sim.crash('server'));
    sim.at(500, () => sim.repair('server', 'client'));
    sim.at(500, () => sim.restart('server'));
    expect(await connectOutcome(sim)).toBe('connected at 1200');
  });

  it('sends again what a server acknowledged that has crashed, when the acknowledgement got lost', async () => {
    const { sim, client } = pair({ latency: { minMs: 50 } });
    sim.at(1000, () => client().channel.writeAndFlush(Buffer.from('hello')));
    sim.at(1060, () => sim.partition('server', 'client', { oneWay: true }));
    sim.at(1070, () => sim.crash('server'));
    sim.at(1200, () => sim.repair('server', 'client'));
    sim.at(1200, () => sim.restart('server'));
    await sim.run({ untilMs: 5000 });
    expect(client().channel.closeInfo?.reason).toBe('reset');
  });

  it('is accepted although the third segment of its handshake was lost', async () => {
    const { sim, client } = pair({ latency: { minMs: 10 } });
    let accepted = -1;
    sim.host('greeter', (host) =>
      new ServerBootstrap()
        .childOptions(host.options)
        .childHandler(() => {
          accepted = sim.now;
        })
        .bind({ network: host, port: 7 }),
    );
    sim.host('caller', (host) =>
      new Bootstrap()
        .options(host.options)
        .handler(() => {})
        .connect({ network: host, host: 'greeter', port: 7 }),
    );
    sim.at(15, () => sim.partition('caller', 'greeter', { oneWay: true }));
    sim.at(500, () => sim.repair('caller', 'greeter'));
    await sim.run({ untilMs: 5000 });
    expect(client().channel.isOpen).toBe(true);
    // The answer again after a second, and the third segment again.
    expect(accepted).toBe(1040);
  });

  it('leaves the backlog when its caller gives up before it is whole', async () => {
    const sim = new Simulation({ seed: 1, cutShare: 0, latency: { minMs: 50 } });
    const server = sim.host('server', (host) => bind(host, undefined, 3));
    let outcome = '';
    sim.host('client', async (host) => {
      // The answer comes after 100 ms.
      for (let i = 0; i < 3; i++) await connect(host, {}, 70).catch(() => {});
      outcome = await connect(host).then(
        () => 'connected',
        (error: Error) => error.message,
      );
    });
    await sim.run({ untilMs: 200_000 });
    expect([outcome, server.connectionCount]).toEqual(['connected', 1]);
  });

  it('leaves the backlog after 63 s when its caller has crashed', async () => {
    const sim = new Simulation({ seed: 1, cutShare: 0, latency: { minMs: 50 } });
    const server = sim.host('server', (host) => bind(host));
    sim.host('client', (host) => connect(host));
    sim.at(75, () => sim.crash('client'));
    await sim.run({ untilMs: 60_000 });
    expect(server.connectionCount).toBe(1);
    await sim.run({ untilMs: 64_000 });
    expect(server.connectionCount).toBe(0);
  });

  it('repeats segments also on a connection whose SYN was repeated', async () => {
    const { sim, client } = pair();
    sim.partition('client', 'server');
    sim.at(500, () => sim.repair('client', 'server'));
    sim.at(2000, () => sim.partition('client', 'server'));
    sim.at(2100, () => client().channel.writeAndFlush(Buffer.from('hello')));
    sim.at(3000, () => sim.repair('client', 'server'));
    await sim.run({ untilMs: 5000 });
    expect(client().heard).toEqual(['hello']);
  });

  it('sends again what was answered by a reset that got lost', async () => {
    const { sim, client } = pair();
    sim.at(100, () => sim.crash('server'));
    sim.at(200, () => sim.restart('server'));
    sim.at(1000, () => sim.partition('server', 'client', { oneWay: true }));
    sim.at(1100, () => client().channel.writeAndFlush(Buffer.from('lost')));
    sim.at(2000, () => sim.repair('client', 'server'));
    await sim.run({ untilMs: 3000 });
    expect(client().channel.closeInfo?.reason).toBe('reset');
    // After pauses of 200, 400 and 800 ms, and the way there and back.
    expect(client().closedAt()).toBeCloseTo(2502, -1);
  });

  it('leaves nothing behind that every later promise pays for', async () => {
    const marks = () => Object.getOwnPropertySymbols(new AsyncResource('probe')).length;
    const before = marks();
    const { sim } = pair();
    await sim.run({ untilMs: 100 });
    await sim.verify();
    expect(marks()).toBe(before);
  });

  it('may use the default logger, whose lines have the time of day', async () => {
    const lines: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      lines.push(String(text));
      return true;
    });
    try {
      const sim = new Simulation({ seed: 1 });
      sim.host('a', () => stderrLogger().log('error', 'something is wrong'));
      await sim.run({ untilMs: 10 });
      expect(lines.join()).toMatch(/^\d{4}-.* error something is wrong\n$/);
    } finally {
      write.mockRestore();
    }
  });

  it('runs beside others, and puts everything back', async () => {
    const counts = () => [
      process.listenerCount('unhandledRejection'),
      process.listenerCount('uncaughtException'),
    ];
    const before = counts();
    const { peekSettled } = SettableFuture.prototype;
    const alone = pair({ seed: 5 }).sim;
    await alone.run({ untilMs: 1000 });
    const sims = [5, 6, 5].map((seed) => pair({ seed }).sim);
    const wrong = new Simulation({ seed: 1 });
    wrong.host('a', () => void Promise.reject(new Error('mine')));
    const failure = wrong.run({ untilMs: 1000 }).catch((error: Error) => error.message);
    await Promise.all(sims.map((sim) => sim.run({ untilMs: 1000 })));
    expect(await failure).toContain('host a: mine');
    expect(sims.map((sim) => sim.trace.hash === alone.trace.hash)).toEqual([true, true, true]);
    expect(counts()).toEqual(before);
    expect(SettableFuture.prototype.peekSettled).toBe(peekSettled);
    expect([Math.random, setTimeout].map((one) => one.name)).toEqual(['random', 'setTimeout']);
    // What has failed once does not go on.
    await expect(wrong.run({ untilMs: 2000 })).rejects.toThrow('mine');
  });

  it('leaves code outside the simulation alone while it runs', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('a', async ({ clock }) => {
      for (let i = 0; i < 20; i++) {
        await new Promise<void>((resolve) => void clock.schedule(resolve, 1));
      }
    });
    const run = sim.run({ untilMs: 100 });
    const waited = new Promise<number>((resolve) => setTimeout(() => resolve(Math.random()), 1));
    expect(await waited).toBeLessThan(1);
    await run;
    expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
  });
});

describe('Simulation.verify', () => {
  it('finds a member that a group forgot to remove', async () => {
    const sim = new Simulation({ seed: 1 });
    const members = new Set<Channel>();
    const right = new ChannelGroup('right');
    sim.host('server', async (host) => {
      sim.watch(host, 'members', () => members.size);
      sim.watch(host, 'right', () => right.size);
      await bind(host, () => ({
        channelActive(ctx) {
          members.add(ctx.channel);
          right.add(ctx.channel);
        },
      }));
    });
    sim.host('client', (host) => connect(host));
    await sim.run({ untilMs: 1000 });
    await expect(sim.verify()).rejects.toThrow(
      /after all connections are gone:\non host server members is 1, not 0$/,
    );
  });

  it('does not take a client that tries again and again for one that waits for ever', async () => {
    const sim = new Simulation({ seed: 1, latency: { minMs: 40 } });
    sim.host('server', (host) => bind(host));
    sim.host('client', (host) => {
      const dial = (): void => {
        const again = () => void host.clock.schedule(dial, 1);
        connect(host).then(({ channel }) => channel.onClosed(again), again);
      };
      dial();
    });
    await sim.run({ untilMs: 1000 });
    await sim.verify(1000);
  });

  it('finds a channel that holds more output than it may', async () => {
    const { sim, client } = pair();
    sim.at(10, () => {
      const { channel } = client();
      const writes = new PendingWriteQueue(channel.pipeline.firstContext()!);
      writes.add(Buffer.alloc(2 * 1024 * 1024));
      channel.writeAndFlush(Buffer.from('x'));
    });
    await expect(sim.run({ untilMs: 1000 })).rejects.toThrow(
      /a channel holds \d+ bytes of output, but may hold 1048576/,
    );
  });

  it('counts its channels: their ids are the same for the same seed, also in what they send', async () => {
    const run = async () => {
      const sim = new Simulation({ seed: 1 });
      sim.host('server', async (host) => {
        const server = await bind(host, () => ({}));
        host.note(`listens: ${server.channel}`);
      });
      sim.host('client', async (host) => {
        const { channel } = await connect(host);
        channel.writeAndFlush(Buffer.from(`taken by nobody, from ${channel.id}`));
        // As a handler opens one: with its own clock, and without a connection of its own.
        const ctx = channel.pipeline.firstContext()!;
        const [near] = MemoryTransport.pair({ clock: ctx.clock });
        host.note(String((await openChannel(near, { clock: ctx.clock })).id));
      });
      await sim.run({ untilMs: 1000 });
      return `${sim.trace.text()} ${sim.trace.hash}`;
    };
    const first = await run();
    expect(await run()).toBe(first);
    expect(first).toContain('listens: [id: 0x00000001');
  });

  it('finds an open connection that is never read again, unless its holder may hold it', async () => {
    const run = async (act: (channel: Channel) => void, named?: string): Promise<void> => {
      const { sim, client } = pair();
      if (named !== undefined) sim.mayHold(named);
      sim.at(10, () => act(client().channel));
      await sim.run({ untilMs: 1000 });
      await sim.verify();
    };
    const hold = (channel: Channel): void => void channel.holdReads('somebody');
    const holdFor = (ms: number) => (channel: Channel) => {
      const held = channel.holdReads('somebody');
      channel.clock.schedule(() => held.release(), ms);
    };
    const unasked = (channel: Channel): void => {
      channel.autoRead = false;
    };
    const text =
      /at 61000 ms, an open connection was not read for 60000 ms\non host client, held by/;
    await expect(run(hold)).rejects.toThrow(text);
    await expect(run(hold, 'nobody')).rejects.toThrow('held by somebody');
    await expect(run(unasked)).rejects.toThrow('held by autoRead');
    await expect(run(holdFor(70_000))).rejects.toThrow(text);
    await run(hold, 'somebody');
    await run(unasked, 'autoRead');
    await run(holdFor(50_000));
    await run((channel) => {
      hold(channel);
      channel.end();
    });
  });

  it('finds a connection that nobody reads and nobody holds, in the turn in which it is left', async () => {
    const sim = new Simulation({ seed: 1, cutShare: 0 });
    const greet = ({ channel }: Context): void => {
      channel.clock.schedule(() => void channel.writeAndFlush(Buffer.from('x')), 20);
    };
    sim.host('server', (host) => bind(host, () => ({ channelActive: greet })));
    sim.host('client', async (host) => {
      const { channel } = await connect(host);
      // Forgets every request for input from now on.
      channel.pipeline.addLast({ read: () => {} });
    });
    await expect(sim.run({ untilMs: 1000 })).rejects.toThrow(
      'on host client nobody reads a channel, and nobody holds its reads',
    );
  });

  it('finds a write future that never settles', async () => {
    const sim = new Simulation({ seed: 1 });
    sim.host('server', (host) => bind(host));
    sim.host('client', async (host) => {
      const { channel } = await connect(host);
      channel.pipeline.addFirst({ write: () => new Promise<void>(() => {}) });
      channel.write(Buffer.from('x')).onSettled(() => {});
    });
    await sim.run({ untilMs: 1000 });
    await expect(sim.verify()).rejects.toThrow(
      'on host client 1 write futures that somebody waits for',
    );
  });
});
