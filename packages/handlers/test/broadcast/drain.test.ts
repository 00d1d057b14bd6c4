// A server that shuts down while members talk: a line that was echoed to its sender has reached the members.
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  ChannelGroup,
  type Context,
  DrainEvent,
  DrainStartEvent,
  handler,
  MemoryNetwork,
  type Server,
  ServerBootstrap,
  type ShutdownOptions,
  silentLogger,
} from '@headrace/core';
import { EmbeddedChannel, passTime, settle, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { BroadcastHandler } from '../../src/broadcast/broadcast-handler.ts';
import { EchoHandler } from '../../src/echo/echo-handler.ts';

/** Reading the time takes time: a broadcast to some dozens of members takes several turns of the event loop. */
class SlowClock extends VirtualClock {
  costMs = 0;

  override now(): number {
    this.advanceQuietly(this.costMs);
    return super.now();
  }
}

interface Client {
  readonly channel: Channel<string, string>;
  readonly heard: string[];
}

/** A room of lines: each line is echoed to its sender, and sent to the other members. */
class Room {
  readonly clock = new SlowClock();
  readonly network = new MemoryNetwork({ capacityBytes: 1024 });
  readonly members = new ChannelGroup<string>('members');
  readonly clients: Client[] = [];
  readonly said: string[] = [];
  /** Called on the server with each line, before it is echoed. */
  onLine: (line: string) => void = () => {};
  server!: Server;

  async open(): Promise<this> {
    const options = { logger: silentLogger, clock: this.clock };
    const binding = new ServerBootstrap()
      .options(options)
      .childOptions({ ...options, hooks: { writeFailed() {} } })
      .childHandler((channel) => {
        channel.pipeline.addLast(
          ...textLines({ maxLength: 1024 }),
          handler<{ reads: string; passesOn: string; writes: string }>({
            channelRead: (ctx: Context, line) => {
              this.said.push(line);
              this.onLine(line);
              ctx.fireChannelRead(line);
            },
            userEventTriggered(ctx: Context, event: unknown) {
              if (event instanceof DrainEvent) event.lastWord(() => ctx.write('BYE'));
              ctx.fireUserEventTriggered(event);
            },
          }),
          new EchoHandler<string, string>({ reply: (line) => `ECHO ${line}` }),
          new BroadcastHandler<string, string>(this.members, { passOn: false }),
        );
        this.members.add(channel);
      })
      .bind({ network: this.network, name: 'room' });
    await settle(this.clock);
    this.server = await binding;
    return this;
  }

  async come(count: number): Promise<Client[]> {
    const from = this.clients.length;
    for (let i = 0; i < count; i++) {
      const heard: string[] = [];
      const connecting = new Bootstrap()
        .options({ logger: silentLogger, clock: this.clock })
        .handler((channel) =>
          channel.pipeline.addLast(
            ...textLines({ maxLength: 1024 }),
            handler<{ reads: string }>({ channelRead: (_ctx, line) => void heard.push(line) }),
          ),
        )
        .connect({ network: this.network, name: 'room' });
      await settle(this.clock);
      this.clients.push({
        channel: (await connecting) as unknown as Channel<string, string>,
        heard,
      });
    }
    return this.clients.slice(from);
  }

  async shutDown(options: ShutdownOptions = {}): Promise<void> {
    let isOver = false;
    const over = this.server.shutdown(options).then(() => {
      isOver = true;
    });
    for (let i = 0; i < 200 && !isOver; i++) await passTime(this.clock, 500);
    await over;
  }

  /** How many lines were echoed, and how many members did not hear one of them. */
  outcome(): { readonly echoed: number; readonly lost: number } {
    const heard = this.clients.map((client) => new Set(client.heard));
    const count = { echoed: 0, lost: 0 };
    for (const sender of heard) {
      for (const echo of sender) {
        if (!echo.startsWith('ECHO ')) continue;
        count.echoed += 1;
        const line = echo.slice('ECHO '.length);
        for (const other of heard) if (other !== sender && !other.has(line)) count.lost += 1;
      }
    }
    return count;
  }
}

const lines = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i}`);

describe('a drain of a room in which members talk', () => {
  it.each([
    ['all together', {}],
    ['in batches', { batch: 10, everyMs: 500, drainTimeoutMs: 60_000 }],
  ] as const)('loses no line that was echoed: %s', async (_how, options) => {
    const room = await new Room().open();
    const senders = await room.come(1);
    await room.come(40);
    senders.push(...(await room.come(1)));
    let over: Promise<void> | undefined;
    const shutDown = (): void => {
      over = room.shutDown(options);
    };
    room.onLine = () => {
      if (room.said.length === 20) room.clock.execute(shutDown);
    };
    room.clock.costMs = 3;
    room.clock.run(() => {
      senders.forEach(({ channel }, i) => {
        for (const line of lines(`sender-${i}`, 300)) channel.write(line);
        channel.flush();
      });
    });
    await settle(room.clock);
    await over;
    const { echoed, lost } = room.outcome();
    expect(lost).toBe(0);
    // What had been read is delivered, and no more is read.
    expect(echoed).toBeGreaterThan(20);
    expect(echoed).toBeLessThan(300);
    for (const { heard } of room.clients) expect(heard.at(-1)).toBe('BYE');
  });

  it('does not wait longer than a second for a peer that does not take its echoes', async () => {
    const room = await new Room().open();
    const [deaf, ann] = await room.come(2);
    deaf!.channel.autoRead = false;
    room.clock.run(() => {
      for (const line of lines('deaf', 5000)) deaf!.channel.write(line);
      deaf!.channel.flush();
    });
    await settle(room.clock);
    const [held] = room.server.connections;
    expect(held!.isReadHeld).toBe(true);
    const over = room.server.shutdown();
    await passTime(room.clock, 999);
    expect(ann!.heard).not.toContain('BYE');
    await passTime(room.clock, 1);
    expect(ann!.heard.at(-1)).toBe('BYE');
    const delivered = ann!.heard.length;
    // What it had sent is not echoed when it reads later: it would not be delivered.
    deaf!.channel.autoRead = true;
    await passTime(room.clock, 9000);
    await over;
    expect(deaf!.heard.at(-1)).toBe('BYE');
    expect([ann!.heard.length, deaf!.heard.length]).toEqual([delivered, delivered]);
  });

  it('does not wait for the rest of a line that has begun', async () => {
    const room = await new Room().open();
    const [ann, bob] = await room.come(2);
    const [ofAnn] = room.server.connections;
    room.clock.run(() => {
      ann!.channel.pipeline.firstContext()!.writeAndFlush(Buffer.from('be'));
    });
    await settle(room.clock);
    const over = room.server.shutdown();
    room.clock.run(() => {
      ann!.channel.pipeline.firstContext()!.writeAndFlush(Buffer.from('gun\n'));
    });
    await settle(room.clock);
    expect(ofAnn!.isEnding).toBe(true);
    expect([ann!.heard, bob!.heard]).toEqual([['BYE'], ['BYE']]);
    await over;
  });

  it('reads nothing for a handler that is added after the drain has started', () => {
    const late = new EmbeddedChannel();
    late.run(() => late.pipeline.fireUserEventTriggered(new DrainStartEvent()));
    late.pipeline.addLast(new BroadcastHandler(new ChannelGroup('members')));
    expect(late.embedded.isReading).toBe(false);
    late.read();
    expect(late.embedded.isReading).toBe(false);
  });
});
