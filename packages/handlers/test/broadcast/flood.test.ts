// A member that sends without end gets the messages of each turn by its time, and no more: the others have the rest.
import { textLines } from '@headrace/codec';
import { ChannelGroup, type Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { AuthHandler, BroadcastHandler, EchoHandler } from '@headrace/handlers';
import { expect, it } from 'vitest';

const LISTENERS = 30;
const LINES = 1000;
/** The time of a broadcast to the listeners. */
const LINE_MS = 0.05;

/** A room whose messages take time; counts those of the peers that flood it. */
class Flood {
  readonly clock = new VirtualClock();
  messages = 0;
  private readonly room = new ChannelGroup<string>('room');

  member(): EmbeddedChannel {
    const channel = this.join();
    channel.pipeline.addBefore(EchoHandler, this.costly());
    return channel;
  }

  stranger(): EmbeddedChannel {
    const auth = new AuthHandler({
      authenticate: () => ({ refused: 'nobody', reply: 'no', stays: true }),
      timeoutMs: 60_000,
    });
    return this.connect([this.costly(), auth]);
  }

  join(): EmbeddedChannel {
    const broadcast = new BroadcastHandler<string, string>(this.room, { passOn: false });
    const channel = this.connect([new EchoHandler<string, string>(), broadcast]);
    this.room.add(channel as never);
    return channel;
  }

  private connect(handlers: readonly Handler[]): EmbeddedChannel {
    const channel = EmbeddedChannel.with({ clock: this.clock, readBudgetMs: 1 });
    channel.pipeline.addLast(...textLines(), ...handlers);
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

it('a flood of lines that go to 30 others takes as many of them a turn as its time allows', () => {
  const flood = new Flood();
  const { clock } = flood;
  const listeners = Array.from({ length: LISTENERS }, () => flood.join());
  const flooder = flood.member();
  const turns: number[] = [];
  const noteTurn = (): void => {
    turns.push(flood.messages - turns.reduce((sum, count) => sum + count, 0));
    if (flood.messages < LINES) clock.nextTurn(noteTurn);
  };
  clock.run(() => {
    clock.nextTurn(noteTurn);
    flooder.embedded.sink.received(Buffer.from('x\n'.repeat(LINES)));
  });
  // A decoder looks at the time after each 16 messages.
  expect(turns).toEqual([...Array<number>(31).fill(32), 8]);
  for (const listener of listeners) {
    const heard = listener.finish().outbound.map(String).join('');
    expect(heard.split('x\n')).toHaveLength(LINES + 1);
  }
});

it.each<[string, string, (flood: Flood) => EmbeddedChannel]>([
  ['members whose lines go to 30 others', 'x\n', (flood) => flood.member()],
  ['strangers whose credentials are refused', 'AUTH:\n', (flood) => flood.stranger()],
])(
  'among ten %s a member is answered in each turn, after no more of theirs than one may have',
  (_who, line, connect) => {
    const flood = new Flood();
    const { clock } = flood;
    for (let i = 0; i < LISTENERS; i++) flood.join();
    const flooders = Array.from({ length: 10 }, () => connect(flood));
    const good = flood.join();
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
      if (!heard.includes('hello\n')) unanswered += 1;
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
