import { ChannelGroup, type Context } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { MemberPace, SHARE_BYTES } from '../../src/pace/member-pace.ts';

/** More than one batch: what is written to all of them takes longer than a broadcast may hold the event loop. */
const MEMBERS = 40;
const WRITE_MS = 0.2;

function busyRoom() {
  const clock = new VirtualClock();
  const room = new ChannelGroup<string>('room');
  for (let i = 0; i < MEMBERS; i++) {
    const write = (ctx: Context, message: unknown) => {
      clock.advanceQuietly(WRITE_MS);
      return ctx.write(message);
    };
    room.add(EmbeddedChannel.with({ clock }, { write }));
  }
  return { clock, room, pace: new MemberPace(room, clock) };
}

describe('members that have to take what came in a burst', () => {
  it('get more after it, however much those of this node talk', () => {
    const { clock, room, pace } = busyRoom();
    let spoken = 0;
    const speak = (): void => {
      spoken += 1;
      if (spoken > 200) return;
      room.writeAndFlush('near').onceBegun(() => clock.nextTurn(speak));
    };
    let freeAfter: number | undefined;
    clock.run(() => {
      for (let i = 0; i < 5; i++) speak();
      pace.gave(SHARE_BYTES, room.writeAndFlush('far'));
      expect([room.backlog, pace.isHeld]).toEqual([6, true]);
      pace.onceFree(() => {
        freeAfter = spoken;
      });
    });
    expect(freeAfter).toBeLessThan(20);
  });

  it('get no more in the next turn where that was refused, because too many broadcasts wait', () => {
    const { clock, room, pace } = busyRoom();
    const refused = room.write('nobody', () => false);
    expect(refused.isBegun).toBe(true);
    const held: boolean[] = [];
    clock.run(() => {
      for (let i = 0; i < 1100; i++) room.write('near');
      pace.gave(1, refused);
      clock.nextTurn(() => clock.nextTurn(() => held.push(pace.isHeld)));
    });
    clock.advance(1000);
    held.push(pace.isHeld);
    expect(held).toEqual([true, false]);
  });
});
