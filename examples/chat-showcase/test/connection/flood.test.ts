// A member that sends without end gets the messages of each turn by its time, and no more: the others have the rest.
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { PRINCIPAL } from '@headrace/handlers';
import { ChatEchoHandler } from 'headrace-example-broadcast-chat';
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
