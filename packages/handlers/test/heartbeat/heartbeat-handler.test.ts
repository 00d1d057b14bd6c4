import { AttributeKey, type Context, type Handler, type WriteFuture } from '@headrace/core';
import { connectedPair, EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AdaptiveInterval } from '../../src/heartbeat/adaptive-interval.ts';
import {
  HeartbeatMissedEvent,
  HeartbeatProbeEvent,
  HeartbeatReceivedEvent,
} from '../../src/heartbeat/heartbeat-event.ts';
import {
  bytesHeartbeat,
  emptyFrameHeartbeat,
  messageHeartbeat,
  textHeartbeat,
} from '../../src/heartbeat/heartbeat-format.ts';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';
import { HEARTBEAT_PRESETS, type HeartbeatOptions } from '../../src/heartbeat/heartbeat-options.ts';
import { IdleStateHandler } from '../../src/idle/idle-state-handler.ts';

/** Notes what the handlers after the heartbeat see. */
class App implements Handler {
  readonly seen: string[] = [];

  channelRead(_ctx: Context, message: unknown): void {
    this.seen.push(`read ${String(message)}`);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    const at = `@${ctx.clock.now()}`;
    if (event instanceof HeartbeatMissedEvent) {
      this.seen.push(`missed ${event.missed}${event.isLost ? ' lost' : ''} ${at}`);
    } else if (event instanceof HeartbeatReceivedEvent) {
      const trip = event.roundTripMs === undefined ? '' : ` after ${event.roundTripMs}`;
      this.seen.push(`${event.kind}${trip} ${at}`);
    }
  }
}

function beating<Message>(options: HeartbeatOptions<Message>): {
  channel: EmbeddedChannel;
  app: App;
  heartbeat: HeartbeatHandler<Message>;
} {
  const app = new App();
  const heartbeat = new HeartbeatHandler<Message>({ jitter: 0, ...options });
  const channel = new EmbeddedChannel(heartbeat, app);
  return { channel, app, heartbeat };
}

/** What was sent, each with its time, while `ms` pass in steps of one second. */
function sentWithin(channel: EmbeddedChannel, ms: number): string[] {
  const sent: string[] = [];
  for (let passed = 0; passed < ms; passed += 1000) {
    channel.advance(Math.min(1000, ms - passed));
    for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound()) {
      sent.push(
        `${typeof one === 'object' ? JSON.stringify(one) : String(one)} @${channel.clock.now()}`,
      );
    }
  }
  return sent;
}

/** Two ends of one line, `delayMs` apart each way, until it is cut. */
class Line {
  readonly clock = new VirtualClock();
  isCut = false;
  readonly bytes = { up: 0, down: 0 };
  private readonly delayMs: number;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
  }

  end(...handlers: readonly Handler[]): EmbeddedChannel {
    return EmbeddedChannel.with({ clock: this.clock }, ...handlers);
  }

  /** Carries what one end sends to the other, from now on. */
  connect(left: EmbeddedChannel, right: EmbeddedChannel): void {
    this.carry(left, right);
    this.carry(right, left);
  }

  private carry(from: EmbeddedChannel, to: EmbeddedChannel): void {
    const carrier: Handler = {
      write: (ctx: Context, message: unknown): WriteFuture => {
        if (!this.isCut) {
          this.clock.schedule(() => {
            if (!this.isCut && to.isOpen) to.writeInbound(message);
          }, this.delayMs);
        }
        return ctx.write(message);
      },
    };
    from.pipeline.addFirst(carrier);
  }
}

describe('HeartbeatHandler, answering', () => {
  it('answers a ping in any case and keeps it from the application', () => {
    const channel = new EmbeddedChannel(new HeartbeatHandler());
    channel.writeInbound('PING', 'hello', 'pInG');
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['PONG', 'PONG']);
    expect(channel.readInbound()).toBe('hello');
    expect(channel.readInbound()).toBeUndefined();
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('flushes once for all the pings of a burst', () => {
    let flushes = 0;
    const counter: Handler = {
      flush(ctx: Context) {
        flushes += 1;
        ctx.flush();
      },
    };
    const channel = new EmbeddedChannel(counter, new HeartbeatHandler());
    channel.writeInbound('PING', 'PING', 'PING');
    channel.writeInbound('hello');
    expect(flushes).toBe(1);
  });

  it('leaves what only looks alike to the application', () => {
    const channel = new EmbeddedChannel(new HeartbeatHandler());
    channel.writeInbound('PINGS', 'PONG', 4, Buffer.from('PING'));
    expect(channel.readOutbound()).toBeUndefined();
    expect(channel.readInbound()).toBe('PINGS');
    expect(channel.readInbound()).toBe('PONG');
    expect(channel.readInbound()).toBe(4);
    expect(channel.readInbound()).toEqual(Buffer.from('PING'));
  });

  it('has no write method where it sends nothing of its own', () => {
    expect(new HeartbeatHandler().write).toBeUndefined();
    expect(new HeartbeatHandler({ intervalMs: 1000, onlyWhenQuiet: false }).write).toBeUndefined();
    expect(new HeartbeatHandler({ intervalMs: 1000 }).write).toBeTypeOf('function');
  });
});

describe('HeartbeatHandler, the rows of the source documents', () => {
  it('sends {ip, status, pid} every 50 s; the ip is known when the client is gone', () => {
    interface Alive {
      readonly ip: string;
      readonly status: string;
      readonly pid: number;
    }
    const isAlive = (message: Partial<Alive>) => message.status === 'alive';
    const ping = (): Alive => ({ ip: '10.1.2.3', status: 'alive', pid: 4711 });
    const format = messageHeartbeat<Alive>({ ping, isPing: isAlive });
    const client = beating({ format, intervalMs: 50_000 });
    const beat = '{"ip":"10.1.2.3","status":"alive","pid":4711}';
    expect(sentWithin(client.channel, 150_000)).toEqual([
      `${beat} @50000`,
      `${beat} @100000`,
      `${beat} @150000`,
    ]);

    const LAST_IP = new AttributeKey<string>('last ip');
    const gone: unknown[] = [];
    const server = new EmbeddedChannel(new HeartbeatHandler({ format }), {
      userEventTriggered(ctx: Context, event: unknown) {
        if (!(event instanceof HeartbeatReceivedEvent)) return;
        ctx.channel.attributes.set(LAST_IP, (event.message as Alive).ip);
      },
      channelInactive: (ctx: Context) => void gone.push(ctx.channel.attributes.get(LAST_IP)),
    });
    server.writeInbound(ping());
    expect(server.readInbound()).toBeUndefined();
    expect(server.readOutbound()).toBeUndefined();
    server.endInput();
    expect(gone).toEqual(['10.1.2.3']);
  });

  it('sends the text "heartbeat" every 1 s, whatever else is sent', () => {
    const format = textHeartbeat({ ping: 'heartbeat', pong: false });
    const { channel } = beating({ format, intervalMs: 1000, onlyWhenQuiet: false });
    channel.advance(500);
    channel.writeOutbound('data');
    channel.readOutbound();
    channel.advance(500);
    expect(channel.readOutbound()).toBe('heartbeat');
    expect(sentWithin(channel, 3000)).toHaveLength(3);
  });

  it('sends "keepalive" every 10 s, which the server swallows without an answer', () => {
    const format = textHeartbeat({ ping: 'keepalive', pong: false });
    const client = beating({ format, intervalMs: 10_000 });
    expect(sentWithin(client.channel, 30_000)).toEqual([
      'keepalive @10000',
      'keepalive @20000',
      'keepalive @30000',
    ]);
    const server = beating({ format });
    server.channel.writeInbound('keepalive', 'data');
    expect(server.channel.readOutbound()).toBeUndefined();
    expect(server.app.seen).toEqual(['ping @0', 'read data']);
  });

  it('a probe starts a timer, the answer stops it, its end means that the server is down', () => {
    const { channel, app } = beating({ intervalMs: 10_000, timeoutMs: 3000, maxMissed: 1 });
    channel.advance(10_000);
    expect(channel.readOutbound()).toBe('PING');
    channel.advance(2999);
    channel.writeInbound('PONG');
    channel.advance(7001);
    expect(channel.readOutbound()).toBe('PING');
    expect(channel.isOpen).toBe(true);
    channel.advance(3000);
    expect(channel.closeInfo?.reason).toBe('heartbeat');
    expect(app.seen).toEqual(['pong after 2999 @12999', 'missed 1 lost @23000']);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it.each([
    ['relaxed', 30_000, 40_000],
    ['strict', 6000, 9000],
  ] as const)('%s decides within %i to %i ms of the cut, whenever it comes', (name, from, to) => {
    for (let cutAt = 20_000; cutAt <= 60_000; cutAt += 777) {
      for (const writesEveryMs of [0, 500]) {
        const line = new Line(5);
        const heartbeat = new HeartbeatHandler({ ...HEARTBEAT_PRESETS[name], jitter: 0.3 });
        const client = line.end(heartbeat);
        line.connect(client, line.end(new HeartbeatHandler()));
        if (writesEveryMs > 0) {
          const write = (): void => {
            if (!client.isOpen) return;
            client.writeAndFlush('data');
            line.clock.schedule(write, writesEveryMs);
          };
          write();
        }
        line.clock.advance(cutAt);
        expect(client.isOpen).toBe(true);
        line.isCut = true;
        let lastedMs = 0;
        while (client.isOpen && lastedMs < 60_000) {
          line.clock.advance(100);
          lastedMs += 100;
        }
        expect(client.closeInfo?.reason).toBe('heartbeat');
        // A ping that was on the line when it was cut was sent just before.
        expect(lastedMs).toBeGreaterThanOrEqual(from - 100);
        expect(lastedMs).toBeLessThanOrEqual(to);
      }
    }
  });

  it('an empty packet one way, the same empty packet back', () => {
    const line = new Line(20);
    const app = new App();
    const client = line.end(
      new HeartbeatHandler({ format: emptyFrameHeartbeat(), intervalMs: 10_000, jitter: 0 }),
      app,
    );
    const serverApp = new App();
    const server = line.end(new HeartbeatHandler({ format: emptyFrameHeartbeat() }), serverApp);
    line.connect(client, server);
    line.clock.advance(20_050);
    expect(app.seen).toEqual(['pong after 40 @10040', 'pong after 40 @20040']);
    expect(serverApp.seen).toEqual(['ping @10020', 'ping @20020']);
    const sent = client.readOutbound<Buffer>();
    expect(sent?.byteLength).toBe(0);
    server.writeInbound(Buffer.from('x'));
    expect(serverApp.seen.at(-1)).toBe('read x');
  });

  it('two sides that both send empty packets do not answer each other for ever', () => {
    const line = new Line(20);
    const options = { format: emptyFrameHeartbeat(), intervalMs: 1000, jitter: 0 };
    const [left, right] = [
      line.end(new HeartbeatHandler(options)),
      line.end(new HeartbeatHandler(options)),
    ];
    line.connect(left, right);
    line.clock.advance(10_500);
    let count = 0;
    while (left.readOutbound() !== undefined || right.readOutbound() !== undefined) count += 1;
    expect(count).toBeLessThanOrEqual(40);
    expect([left.isOpen, right.isOpen]).toEqual([true, true]);
  });

  it('carries data both ways, and measures the round trip', () => {
    type Beat = { ping: number } | { pong: number; load: number };
    let n = 0;
    const format = messageHeartbeat<Beat>({
      ping: () => ({ ping: ++n }),
      isPing: (beat) => 'ping' in beat,
      pong: (beat) => ({ pong: 'ping' in beat ? beat.ping : 0, load: 42 }),
      isPong: (beat) => 'pong' in beat,
    });
    const line = new Line(35);
    const answers: unknown[] = [];
    const heartbeat = new HeartbeatHandler({ format, intervalMs: 5000, jitter: 0 });
    const client = line.end(heartbeat, {
      userEventTriggered(_ctx: Context, event: unknown) {
        if (event instanceof HeartbeatReceivedEvent) answers.push(event.message);
      },
    });
    line.connect(client, line.end(new HeartbeatHandler({ format })));
    line.clock.advance(11_000);
    expect(answers).toEqual([
      { pong: 1, load: 42 },
      { pong: 2, load: 42 },
    ]);
    expect(heartbeat.roundTripMs).toBe(70);
  });

  it('is at most 10 bytes, and does not beat in step with others', () => {
    expect(Buffer.byteLength(textHeartbeat().ping())).toBeLessThanOrEqual(10);
    expect(emptyFrameHeartbeat().ping().byteLength).toBe(0);
    const clock = new VirtualClock();
    const sentAt: number[] = [];
    for (let i = 0; i < 200; i++) {
      const note: Handler = {
        write(ctx: Context, message: unknown) {
          sentAt.push(ctx.clock.now());
          return ctx.write(message);
        },
      };
      const random = () => ((i * 37) % 200) / 200;
      const heartbeat = new HeartbeatHandler({ intervalMs: 10_000, timeoutMs: 60_000, random });
      EmbeddedChannel.with({ clock }, note, heartbeat);
    }
    clock.advance(10_000);
    expect(sentAt).toHaveLength(200);
    for (let from = 5000; from < 10_000; from += 500) {
      const inStep = sentAt.filter((at) => at >= from && at < from + 500).length;
      expect(inStep).toBeLessThanOrEqual(30);
    }
  });

  it('any inbound byte is life, a write that succeeded is not', () => {
    const { channel, app } = beating(HEARTBEAT_PRESETS.strict);
    for (let i = 0; i < 20; i++) {
      channel.advance(2000);
      // A read that completes no message: only its end comes through the decoder.
      channel.run(() => channel.embedded.sink.readComplete());
    }
    expect(app.seen.filter((text) => text.includes('lost'))).toEqual([]);
    expect(channel.isOpen).toBe(true);
    for (let i = 0; i < 9 && channel.isOpen; i++) {
      channel.writeOutbound('data');
      channel.advance(1000);
    }
    expect(channel.closeInfo?.reason).toBe('heartbeat');
  });

  it('beats only when nothing was sent lately', () => {
    const format = textHeartbeat({ ping: 'beat', pong: false });
    const { channel } = beating({ format, intervalMs: 10_000 });
    for (let i = 0; i < 5; i++) {
      channel.advance(9000);
      expect(channel.readOutbound()).toBeUndefined();
      channel.writeOutbound('data');
      channel.readOutbound();
    }
    channel.advance(9999);
    expect(channel.readOutbound()).toBeUndefined();
    channel.advance(1);
    expect(channel.readOutbound()).toBe('beat');
  });

  it('an answer of ours is a write, too', () => {
    const { channel } = beating({ intervalMs: 10_000 });
    channel.advance(9000);
    channel.writeInbound('PING');
    expect(channel.readOutbound()).toBe('PONG');
    channel.advance(9999);
    expect(channel.readOutbound()).toBeUndefined();
    channel.advance(1);
    expect(channel.readOutbound()).toBe('PING');
  });
});

describe('HeartbeatHandler, watching', () => {
  it('client 20 s, server 45 s: a silent client is closed, a beating one is not', () => {
    const line = new Line(10);
    const format = textHeartbeat({ pong: false });
    const client = line.end(new HeartbeatHandler({ format, intervalMs: 20_000 }));
    const server = line.end(new HeartbeatHandler({ format, silenceMs: 45_000 }));
    line.connect(client, server);
    line.clock.advance(600_000);
    expect(server.isOpen).toBe(true);
    line.isCut = true;
    line.clock.advance(45_000);
    expect(server.closeInfo?.reason).toBe('heartbeat');
  });

  it('any traffic ends the counting of missed answers', () => {
    const { channel, app, heartbeat } = beating({
      intervalMs: 5000,
      timeoutMs: 2000,
      maxMissed: 3,
    });
    channel.advance(9000);
    expect(heartbeat.missed).toBe(2);
    channel.writeInbound('data');
    expect(heartbeat.missed).toBe(0);
    expect(app.seen).toEqual(['missed 1 @7000', 'missed 2 @9000', 'read data']);
    channel.advance(1e6);
    expect(app.seen.at(-1)).toMatch(/^missed 3 lost/);
  });

  it('pings do not pile up while output is stuck, and a dead peer is found anyway', () => {
    let pings = 0;
    const counter: Handler = {
      write(ctx: Context, message: unknown) {
        if (message === 'PING') pings += 1;
        return ctx.write(message);
      },
    };
    const heartbeat = new HeartbeatHandler({ intervalMs: 1000, maxMissed: 6, jitter: 0 });
    const channel = EmbeddedChannel.with({ outboundStallMs: false }, counter, heartbeat);
    channel.embedded.isStuck = true;
    channel.advance(7000);
    expect(pings).toBe(1);
    expect(channel.closeInfo?.reason).toBe('heartbeat');
  });

  it('a ping that waits behind output which the peer takes is not missed, and a dead peer is found', () => {
    const { client, server, clock } = connectedPair({
      capacityBytes: 1024,
      server: ({ pipeline }) => {
        const format = bytesHeartbeat({ ping: Buffer.from('?'), pong: Buffer.from('!') });
        const rules = { intervalMs: 1000, timeoutMs: 1000, maxMissed: 1 };
        pipeline.addLast(new HeartbeatHandler({ format, ...rules }));
      },
    });
    client.autoRead = false;
    server.writeAndFlush(Buffer.alloc(100 * 1024)).onSettled(() => {});
    for (let second = 0; second < 30; second++) {
      client.read();
      clock.advance(500);
      client.read();
      clock.advance(500);
    }
    expect(server.isOpen).toBe(true);
    clock.advance(4000);
    expect(server.closeInfo?.reason).toBe('heartbeat');
  });

  it('a process that stood still does not blame the peer', () => {
    const { channel, app } = beating({ ...HEARTBEAT_PRESETS.strict, maxMissed: 1 });
    channel.advance(3000);
    expect(channel.readOutbound()).toBe('PING');
    // The answer lies in the socket, but nothing has been read yet when the timer runs.
    channel.run(() => channel.clock.advanceQuietly(30_000));
    channel.advance(10);
    expect(channel.isOpen).toBe(true);
    channel.writeInbound('PONG');
    expect(app.seen.at(-1)).toMatch(/^pong/);
    channel.advance(2000);
    expect(channel.isOpen).toBe(true);
  });

  it('stops with the channel, and when it is removed', () => {
    const first = beating(HEARTBEAT_PRESETS.strict);
    first.channel.run(() => void first.channel.close());
    expect(first.channel.clock.pendingTimers).toBe(0);
    const second = beating(HEARTBEAT_PRESETS.strict);
    second.channel.pipeline.remove(second.heartbeat);
    expect(second.channel.clock.pendingTimers).toBe(0);
    second.channel.advance(60_000);
    expect(second.channel.isOpen).toBe(true);
  });

  it('does not hide that a write failed', () => {
    const reported: Error[] = [];
    const hooks = { writeFailed: (_channel: unknown, error: Error) => reported.push(error) };
    const channel = EmbeddedChannel.with({ hooks }, new HeartbeatHandler({ intervalMs: 1000 }));
    channel.run(() => void channel.write('never flushed'));
    channel.run(() => void channel.close());
    expect(reported).toHaveLength(1);
  });

  it('stands with an idle handler: the one answers, the other counts', () => {
    const channel = new EmbeddedChannel(
      new IdleStateHandler({ readerIdleMs: 60_000 }),
      new HeartbeatHandler(),
    );
    channel.writeInbound('PING');
    expect(channel.readOutbound()).toBe('PONG');
    expect(channel.readInbound()).toBeUndefined();
  });
});

describe('HeartbeatHandler, options', () => {
  it('refuses settings that are not valid', () => {
    expect(() => new HeartbeatHandler({ intervalMs: 0 })).toThrow(/intervalMs is 0/);
    expect(() => new HeartbeatHandler({ intervalMs: 1000, timeoutMs: -1 })).toThrow(/timeoutMs/);
    expect(() => new HeartbeatHandler({ maxMissed: 0 })).toThrow(/maxMissed is 0/);
    expect(() => new HeartbeatHandler({ jitter: 2 })).toThrow(/jitter is 2/);
  });

  it('compares bytes by content', () => {
    const format = bytesHeartbeat({ ping: Buffer.from([1, 2]), pong: Buffer.from([3]) });
    expect(format.isPing(Uint8Array.of(1, 2))).toBe(true);
    expect(format.isPing(Uint8Array.of(1, 3))).toBe(false);
    expect(format.isPong(Uint8Array.of(3))).toBe(true);
    const oneWay = bytesHeartbeat({ ping: Buffer.from([1]), pong: false });
    expect([oneWay.isAnswered, oneWay.isPong(Buffer.from([1]))]).toEqual([false, false]);
  });

  it('minds the case of a text with ignoreCase: false', () => {
    const format = textHeartbeat({ ignoreCase: false });
    expect([format.isPing('PING'), format.isPing('ping')]).toEqual([true, false]);
  });

  it('closes no living peer while reads are held, or nothing is asked for', () => {
    for (const how of ['hold', 'autoRead'] as const) {
      const channel = new EmbeddedChannel(
        new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, jitter: 0 }),
      );
      const hold = how === 'hold' ? channel.holdReads('test') : undefined;
      if (how === 'autoRead') channel.autoRead = false;
      channel.advance(60_000);
      expect(channel.isOpen).toBe(true);
      // Ours go on: the peer may count them.
      expect(channel.readOutbound()).toBe('PING');
      expect(channel.readOutbound()).toBe('PING');
      channel.run(() => hold?.release());
      if (how === 'autoRead') channel.autoRead = true;
      channel.writeInbound('PONG');
      expect(channel.isOpen).toBe(true);
      channel.advance(9000);
      expect(channel.closeInfo?.reason).toBe('heartbeat');
    }
  });

  it('does not count the time in which reads were held against an answer', () => {
    const options = { intervalMs: 3000, timeoutMs: 3000, maxMissed: 1, jitter: 0 };
    const channel = new EmbeddedChannel(new HeartbeatHandler(options));
    channel.advance(3000 + 100);
    const hold = channel.holdReads('test');
    channel.advance(2800);
    channel.run(() => hold.release());
    channel.advance(200);
    expect(channel.isOpen).toBe(true);
    channel.advance(2900);
    expect(channel.closeInfo?.reason).toBe('heartbeat');
  });

  it('finds a dead peer with auto-read off while a read is asked for', () => {
    const channel = EmbeddedChannel.with(
      { autoRead: false },
      new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, jitter: 0 }),
    );
    channel.read();
    channel.advance(9000);
    expect(channel.closeInfo?.reason).toBe('heartbeat');
  });

  it.each([
    ['a ping that it answers', 'PING', {}],
    ['an answer to its own', 'PONG', HEARTBEAT_PRESETS.strict],
  ])('asks again with auto-read off after a read of nothing but %s', (_which, text, options) => {
    const channel = EmbeddedChannel.with({ autoRead: false }, new HeartbeatHandler(options));
    channel.read();
    const { reads } = channel.embedded;
    channel.writeInbound(text);
    expect(channel.embedded.reads - reads).toBe(1);
    channel.writeInbound(text, 'hello');
    expect(channel.embedded.reads - reads).toBe(1);
  });

  it('finds a dead peer that it asked again with auto-read off', () => {
    const options = { ...HEARTBEAT_PRESETS.strict, jitter: 0 };
    const channel = EmbeddedChannel.with({ autoRead: false }, new HeartbeatHandler(options));
    channel.read();
    channel.advance(3000);
    channel.writeInbound('PONG');
    channel.advance(12_000);
    expect(channel.closeInfo?.reason).toBe('heartbeat');
  });

  it('sends the first heartbeat at once with immediately', () => {
    const channel = EmbeddedChannel.with(
      { register: false },
      new HeartbeatHandler({ intervalMs: 10_000, immediately: true, jitter: 0 }),
    );
    channel.register();
    expect(channel.readOutbound()).toBe('PING');
    channel.writeInbound('PONG');
    channel.advance(9999);
    expect(channel.readOutbound()).toBeUndefined();
    channel.advance(1);
    expect(channel.readOutbound()).toBe('PING');
  });

  it('takes a type for each direction', () => {
    const format = messageHeartbeat<{ readonly echo: number }, string>({
      ping: () => 'ECHO 1',
      isPing: () => false,
      pong: () => 'unused',
      isPong: (message) => message.echo === 1,
    });
    const channel = new EmbeddedChannel(
      new HeartbeatHandler({ format, intervalMs: 1000, jitter: 0 }),
    );
    channel.advance(1000);
    expect(channel.readOutbound()).toBe('ECHO 1');
    channel.writeInbound({ echo: 1 });
    expect(channel.readInbound()).toBeUndefined();
  });
});

describe('HeartbeatHandler, with functions that throw', () => {
  function failing(options: HeartbeatOptions<string>) {
    const caught: string[] = [];
    const channel = new EmbeddedChannel(new HeartbeatHandler({ jitter: 0, ...options }), {
      exceptionCaught: (_ctx: Context, error: Error) => void caught.push(error.message),
    });
    return { channel, caught };
  }

  it('fires what the format throws, and beats on', () => {
    let count = 0;
    const ping = (): string => {
      count += 1;
      if (count === 1) throw new Error('no ping today');
      return 'PING';
    };
    const format = { ...textHeartbeat({ pong: false }), ping };
    const { channel, caught } = failing({ format, intervalMs: 1000 });
    channel.advance(1000);
    expect([caught, channel.readOutbound()]).toEqual([['no ping today'], undefined]);
    channel.advance(1000);
    expect([caught.length, channel.readOutbound()]).toEqual([1, 'PING']);
  });

  it('fires what the interval throws', () => {
    let isBroken = false;
    const adaptive = new AdaptiveInterval();
    Object.defineProperty(adaptive, 'currentMs', {
      get() {
        if (isBroken) throw new Error('no interval');
        return 1000;
      },
    });
    const { channel, caught } = failing({ adaptive });
    isBroken = true;
    channel.advance(1000);
    expect(new Set(caught)).toEqual(new Set(['no interval']));
  });
});

describe('a probe', () => {
  const probe = (channel: EmbeddedChannel) =>
    channel.pipeline.fireUserEventTriggered(new HeartbeatProbeEvent('network'));

  it('beats at once, and finds out within the time of an answer that the peer is gone', () => {
    const { channel, app } = beating({ intervalMs: 60_000, timeoutMs: 5000, maxMissed: 1 });
    channel.advance(1000);
    probe(channel);
    expect(channel.readOutbound()).toBe('PING');
    channel.advance(4999);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(channel.closeInfo?.reason).toBe('heartbeat');
    expect(app.seen).toEqual(['missed 1 lost @6000']);
  });

  it('does not beat twice while an answer is awaited, and begins the interval again', () => {
    const { channel } = beating({ intervalMs: 60_000, timeoutMs: 5000, maxMissed: 2 });
    channel.advance(1000);
    probe(channel);
    probe(channel);
    channel.writeInbound('PONG');
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['PING', undefined]);
    channel.advance(59_999);
    expect(channel.readOutbound()).toBeUndefined();
    channel.advance(1);
    expect(channel.readOutbound()).toBe('PING');
  });

  it('is nothing to a side that only answers', () => {
    const channel = new EmbeddedChannel(new HeartbeatHandler());
    probe(channel);
    expect(channel.readOutbound()).toBeUndefined();
  });
});
