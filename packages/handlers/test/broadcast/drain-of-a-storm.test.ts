// A server ends while very many join: each that was served hears the last word.
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  ChannelGroup,
  type CloseReason,
  DrainEvent,
  handler,
  MemoryNetwork,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { Announcer, AuthHandler } from '@headrace/handlers';
import { expect, it } from 'vitest';

const MEMBERS = 100;
/** Each look at the time takes so long: a broadcast to some dozens of members takes several turns. */
const POLL_INTERVAL_MS = 1;

class SlowClock extends VirtualClock {
  lookMs = 0;

  override now(): number {
    this.advanceQuietly(this.lookMs);
    return super.now();
  }
}

interface Joiner {
  heard: string;
  reason: CloseReason | undefined;
}

class Storm {
  readonly clock = new SlowClock();
  readonly joiners: Joiner[] = [];
  private readonly network = new MemoryNetwork();
  private readonly common = { logger: silentLogger, clock: this.clock };

  /** Resolves when all connections have ended; the server ends when so many have joined. */
  async untilEnded(afterJoins: number): Promise<void> {
    const { clock, network, common } = this;
    const members = new ChannelGroup<string>('members');
    const presence = new Announcer<string>(members);
    members.on('channelJoined', (channel) => presence.announce(`JOIN ${channel.id}`, channel));
    members.on('channelLeft', (channel) => presence.announce(`LEAVE ${channel.id}`, channel));
    const lastWord = () =>
      handler<{ reads: string; passesOn: string; writes: string }>({
        userEventTriggered(ctx, event) {
          if (event instanceof DrainEvent) event.lastWord(() => ctx.write('BYE'));
          ctx.fireUserEventTriggered(event);
        },
      });
    const binding = new ServerBootstrap()
      .options(common)
      .childOptions({ ...common, hooks: { writeFailed() {} } })
      .childHandler((channel) =>
        channel.pipeline.addLast(
          ...textLines(),
          lastWord(),
          new AuthHandler({
            authenticate: (text) => ({ principal: text }),
            group: members,
            replies: { accepted: () => 'AUTH_OK' },
          }),
        ),
      )
      .bind({ network, name: 'room' });
    await settle(clock);
    const server = await binding;
    let isOver = false;
    const shutDown = (): void => {
      presence.close();
      void server.shutdown({ drainTimeoutMs: 8000, batch: 30, everyMs: 250 }).then(() => {
        isOver = true;
      });
    };
    let joins = 0;
    members.on('channelJoined', () => {
      joins += 1;
      if (joins === afterJoins) clock.execute(shutDown);
    });
    clock.lookMs = POLL_INTERVAL_MS;
    clock.run(() => {
      for (let i = 0; i < MEMBERS; i++) this.join(`member-${i}`);
    });
    for (let i = 0; i < 200 && !isOver; i++) await passTime(clock, 100);
    expect(isOver).toBe(true);
  }

  private join(id: string): void {
    const joiner: Joiner = { heard: '', reason: undefined };
    this.joiners.push(joiner);
    const connecting = new Bootstrap()
      .options(this.common)
      .handler((channel: Channel) => {
        channel.onClosed(({ closeInfo }) => {
          joiner.reason = closeInfo?.reason;
        });
        channel.pipeline.addLast({
          channelActive: (ctx) => void ctx.writeAndFlush(Buffer.from(`${id}\n`)),
          channelRead: (_ctx, bytes: Buffer) => {
            joiner.heard += bytes;
          },
        });
      })
      .connect({ network: this.network, name: 'room' });
    connecting.catch(() => {});
  }
}

it.each([
  ['the first one', 1],
  ['half of them', MEMBERS / 2],
  ['the last one', MEMBERS],
])(
  `of ${MEMBERS} that come at once, all that are served hear BYE if the server ends with %s`,
  async (_which, afterJoins) => {
    const storm = new Storm();
    await storm.untilEnded(afterJoins);
    const served = storm.joiners.filter(({ heard }) => heard.startsWith('AUTH_OK\n'));
    expect(served.length).toBeGreaterThanOrEqual(afterJoins);
    const faults = served.filter(
      ({ heard, reason }) => !heard.endsWith('\nBYE\n') || reason !== 'peer',
    );
    expect(faults).toEqual([]);
  },
);
