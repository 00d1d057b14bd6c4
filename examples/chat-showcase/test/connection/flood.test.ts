// A member that sends without end gets the messages of each turn by its time, and no more: the others have the rest.
import type { Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { PRINCIPAL } from '@headrace/handlers';
import { Authenticator, ChatAuthHandler, ChatEchoHandler } from 'headrace-example-broadcast-chat';
import { expect, it } from 'vitest';
import { addLines } from '../../src/connection/framings.ts';
import { RoomBroadcastHandler } from '../../src/connection/room-handlers.ts';
import { LocalGround } from '../../src/room/local-ground.ts';
import { Room } from '../../src/room/room.ts';
import { settingsSchema } from '../../src/settings/settings.ts';

const LISTENERS = 30;
const LINES = 1000;
/** The time of a broadcast to the listeners. */
const LINE_MS = 0.05;

it('a flood of lines that go to 30 others takes as many of them a turn as its time allows', () => {
  const clock = new VirtualClock();
  const room = new Room(new LocalGround(settingsSchema.parse({})));
  let lines = 0;
  const join = (id: string): EmbeddedChannel => {
    const channel = EmbeddedChannel.with({ clock, readBudgetMs: 1 });
    addLines(channel as never);
    channel.pipeline.addLast({
      channelRead(ctx, text: string) {
        lines += 1;
        clock.advanceQuietly(LINE_MS);
        ctx.fireChannelRead(text);
      },
    });
    channel.pipeline.addLast(new ChatEchoHandler(), new RoomBroadcastHandler(room));
    channel.attributes.set(PRINCIPAL, { id });
    room.members.add(channel as never);
    return channel;
  };
  const listeners = Array.from({ length: LISTENERS }, (_, i) => join(`listener-${i}`));
  const flooder = join('flooder');
  const turns: number[] = [];
  const noteTurn = (): void => {
    turns.push(lines - turns.reduce((sum, count) => sum + count, 0));
    if (lines < LINES) clock.nextTurn(noteTurn);
  };
  clock.run(() => {
    clock.nextTurn(noteTurn);
    flooder.embedded.sink.received(Buffer.from('x\n'.repeat(LINES)));
  });
  // A decoder looks at the time after each 16 messages.
  expect(turns).toEqual([...Array<number>(31).fill(32), 8]);
  for (const listener of listeners) {
    const heard = listener.finish().outbound.map(String).join('');
    expect(heard.split('MSG:flooder:x\n')).toHaveLength(LINES + 1);
  }
});

/** A room whose messages take time; counts those of the peers that flood it. */
class Flood {
  readonly clock = new VirtualClock();
  messages = 0;
  private readonly settings = settingsSchema.parse({});
  private readonly room = new Room(new LocalGround(this.settings));

  join(id: string): EmbeddedChannel {
    const channel = this.connect([new ChatEchoHandler(), new RoomBroadcastHandler(this.room)]);
    channel.attributes.set(PRINCIPAL, { id });
    this.room.members.add(channel as never);
    return channel;
  }

  member(id: string): EmbeddedChannel {
    const channel = this.join(id);
    channel.pipeline.addBefore(ChatEchoHandler, this.costly());
    return channel;
  }

  stranger(): EmbeddedChannel {
    const { members, sessions } = this.room;
    const auth = new ChatAuthHandler(new Authenticator(this.settings), members, sessions, 60_000);
    return this.connect([this.costly(), auth]);
  }

  private connect(handlers: readonly Handler[]): EmbeddedChannel {
    const channel = EmbeddedChannel.with({ clock: this.clock, readBudgetMs: 1 });
    addLines(channel as never);
    channel.pipeline.addLast(...handlers);
    return channel;
  }

  private costly(): Handler {
    return {
      channelRead: (ctx, text: string) => {
        this.messages += 1;
        this.clock.advanceQuietly(LINE_MS);
        ctx.fireChannelRead(text);
      },
    };
  }
}

it.each<[string, string, (flood: Flood, index: number) => EmbeddedChannel]>([
  ['members whose lines go to 30 others', 'x\n', (flood, i) => flood.member(`flooder-${i}`)],
  ['strangers whose credentials are refused', 'AUTH:\n', (flood) => flood.stranger()],
])(
  'among ten %s a member is answered in each turn, after no more of theirs than one may have',
  (_who, line, connect) => {
    const flood = new Flood();
    const { clock } = flood;
    for (let i = 0; i < LISTENERS; i++) flood.join(`listener-${i}`);
    const flooders = Array.from({ length: 10 }, (_, i) => connect(flood, i));
    const good = flood.join('good');
    const before: number[] = [];
    let seen = 0;
    let unanswered = 0;
    const talk = (): void => {
      before.push(flood.messages - seen);
      seen = flood.messages;
      good.embedded.sink.received(Buffer.from('hello\n'));
      good.embedded.sink.readComplete();
      let heard = '';
      for (let one = good.readOutbound(); one !== undefined; one = good.readOutbound())
        heard += one;
      if (!heard.includes('ECHO:hello\n')) unanswered += 1;
      if (flood.messages < flooders.length * LINES) clock.nextTurn(talk);
    };
    clock.run(() => {
      clock.nextTurn(talk);
      for (const { embedded } of flooders) embedded.sink.received(Buffer.from(line.repeat(LINES)));
    });
    // Ten reads of one poll: the first has a whole share, the others a quarter.
    expect(before[0]).toBe(176);
    expect(Math.max(...before.slice(1))).toBe(32);
    expect(flood.messages).toBe(flooders.length * LINES);
    expect(unanswered).toBe(0);
  },
);
