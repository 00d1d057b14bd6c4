import { type Channel, ChannelGroup, type LogLevel } from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { Announcer, type AnnouncerOptions } from '../../src/broadcast/announcer.ts';

type Options = AnnouncerOptions<string, string>;

/** A group whose members come one after the other, and an announcer that announces them. */
class Room {
  readonly clock: VirtualClock;
  readonly group = new ChannelGroup<string>('room');
  readonly presence: Announcer<string, string>;
  readonly logged: string[] = [];

  constructor(options: Options = {}, clock: VirtualClock = new VirtualClock()) {
    this.clock = clock;
    const combine = (texts: readonly string[]): string => texts.join(' ');
    this.presence = new Announcer(this.group, { writesAtOnce: 1, combine, ...options });
  }

  channel(): EmbeddedChannel {
    const log = (level: LogLevel, text: string) => this.logged.push(`${level} ${text}`);
    return EmbeddedChannel.with({ clock: this.clock, logger: { log } });
  }

  join(name: string): EmbeddedChannel {
    const channel = this.channel();
    this.group.add(channel);
    this.presence.announce(`+${name}`, channel);
    return channel;
  }

  /** What each of them has heard since the last call. */
  heard(...members: readonly EmbeddedChannel[]): string[][] {
    return members.map((member) => {
      const texts: string[] = [];
      for (let text = member.readOutbound(); text !== undefined; text = member.readOutbound()) {
        texts.push(String(text));
      }
      return texts;
    });
  }
}

describe('Announcer', () => {
  it('announces to a few at once', () => {
    const room = new Room({ writesAtOnce: 1000 });
    const [ann, bob] = [room.join('ann'), room.join('bob')];
    room.join('cy');
    expect(room.heard(ann, bob)).toEqual([['+bob', '+cy'], ['+cy']]);
    expect(room.presence.waiting).toBe(0);
  });

  it('announces in batches what comes faster than its writes may', () => {
    const room = new Room({ writesAtOnce: 5 });
    const ann = room.join('ann');
    for (let i = 0; i < 10; i++) room.presence.announce(`${i}`);
    expect(room.heard(ann)).toEqual([['0', '1', '2', '3']]);
    room.clock.advance(49);
    expect(room.heard(ann)).toEqual([[]]);
    room.clock.advance(1);
    expect(room.heard(ann)).toEqual([['4 5 6 7 8 9']]);
    room.clock.advance(50);
    room.presence.announce('later');
    expect(room.heard(ann)).toEqual([['later']]);
  });

  it('counts the writes of the last moment only', () => {
    const room = new Room({ writesAtOnce: 5 });
    const ann = room.join('ann');
    for (let i = 0; i < 10; i++) {
      room.clock.advance(20);
      room.presence.announce(`${i}`);
      expect(room.heard(ann)).toEqual([[`${i}`]]);
    }
  });

  it('gives each member what was announced since it joined, and nothing about itself', () => {
    const room = new Room();
    const ann = room.join('ann');
    const [bob, cy, dee] = [room.join('bob'), room.join('cy'), room.join('dee')];
    cy.close();
    room.presence.announce('-cy');
    const late = room.channel();
    room.group.add(late);
    room.clock.advance(100);
    expect(room.heard(ann, bob, dee, late)).toEqual([
      ['+bob +cy +dee -cy'],
      ['+cy +dee -cy'],
      ['-cy'],
      [],
    ]);
    // From now on it is a member like the others.
    room.presence.announce('one');
    room.presence.announce('two', late);
    room.presence.announce('three');
    room.clock.advance(100);
    expect(room.heard(ann, late)).toEqual([
      ['one', 'two three'],
      ['one', 'three'],
    ]);
  });

  it('makes one message for all who were there before the batch', () => {
    let made = 0;
    const combine = (texts: readonly string[]): string => {
      made += 1;
      return texts.join(' ');
    };
    const room = new Room({ combine });
    room.join('ann');
    for (let i = 0; i < 5; i++) room.join(`${i}`);
    room.clock.advance(50);
    // For ann, and for all newcomers but the last two: they have one announcement, and none.
    expect(made).toBe(4);
    made = 0;
    for (const text of ['one', 'two']) room.presence.announce(text);
    room.clock.advance(50);
    expect(made).toBe(1);
  });

  it('goes on with the rest of a long queue, a part in each batch', () => {
    const room = new Room();
    const members = Array.from({ length: 250 }, () => room.channel());
    for (const member of members) room.group.add(member);
    for (let i = 0; i < 1102; i++) room.presence.announce(`${i}`);
    const sizes = (): number[] => room.heard(members[7]!)[0]!.map((one) => one.split(' ').length);
    room.clock.advance(50);
    expect(sizes()).toEqual([1, 1000]);
    // A newcomer hears nothing of what waited then.
    const late = room.channel();
    room.group.add(late);
    room.clock.advance(50);
    expect([sizes(), room.heard(late)[0]]).toEqual([[101], []]);
  });

  it('begins no batch before the one before it has been written to all', () => {
    const clock = new SlowClock();
    const room = new Room({ everyMs: 1 }, clock);
    const members = Array.from({ length: 200 }, () => room.channel());
    for (const member of members) room.group.add(member);
    room.presence.announce('first');
    room.presence.announce('second');
    expect(room.group.backlog).toBe(1);
    // Others wait for the batch that is under way only.
    room.group.writeAndFlush('hello');
    room.presence.announce('third');
    clock.advance(10_000);
    const heard = ['first', 'hello', 'second third'];
    expect(room.heard(...members).every((one) => String(one) === String(heard))).toBe(true);
  });

  it('catches up before a member speaks, if it waits to be announced', () => {
    const room = new Room();
    const ann = room.join('ann');
    const [bob, cy] = [room.join('bob'), room.join('cy')];
    const say = (member: Channel, text: string): void => {
      room.presence.catchUp(member);
      room.group.writeAndFlush(text);
    };
    say(ann, 'I am long here');
    expect(room.presence.waiting).toBe(2);
    say(bob, 'hi');
    say(cy, 'hello');
    expect(room.heard(ann, cy)).toEqual([
      ['I am long here', '+bob +cy', 'hi', 'hello'],
      ['I am long here', 'hi', 'hello'],
    ]);
    room.clock.advance(1000);
    expect(room.heard(ann)).toEqual([[]]);
  });

  it('costs no square of the members when the last of many that joined at once speaks', () => {
    let combined = 0;
    const combine = (texts: readonly string[]): string => {
      combined += texts.length;
      return texts.join(' ');
    };
    const room = new Room({ combine });
    const members = Array.from({ length: 2000 }, (_, i) => room.join(`${i}`));
    expect(room.presence.catchUp(members.at(-1)!)).toBe(true);
    room.group.writeAndFlush('hi');
    expect(combined).toBeLessThan(2000 * 65);
    for (const at of [0, 1, 63, 64, 65, 1000, 1998, 1999]) {
      const [texts] = room.heard(members[at]!);
      const names = Array.from({ length: 1999 - at }, (_, i) => `+${at + 1 + i}`);
      expect(texts!.join(' ')).toBe([...names, 'hi'].join(' '));
      expect(texts!.length).toBeLessThan(40);
    }
  });

  it('drops what waits when it is closed', () => {
    const room = new Room();
    const ann = room.join('ann');
    room.join('bob');
    room.presence.close();
    expect([room.presence.waiting, room.presence.announce('late')]).toEqual([0, false]);
    expect(room.clock.pendingTimers).toBe(0);
    room.clock.advance(1000);
    expect(room.heard(ann)).toEqual([[]]);
  });

  it('does not rest after a close within a batch', () => {
    const room = new Room();
    const ann = room.channel();
    room.group.add(ann);
    ann.pipeline.addLast({
      write(ctx, message) {
        room.presence.close();
        return ctx.write(message);
      },
    });
    room.presence.announce('last');
    expect([room.heard(ann), room.clock.pendingTimers]).toEqual([[['last']], 0]);
  });

  it('keeps nothing for a group without members', () => {
    const room = new Room();
    for (let i = 0; i < 10; i++) expect(room.presence.announce('lonely')).toBe(true);
    expect([room.presence.waiting, room.clock.pendingTimers]).toEqual([0, 0]);
  });

  it('writes a batch at once when 65,536 wait', () => {
    const room = new Room({ combine: (texts) => String(texts.length) });
    const ann = room.join('ann');
    const taken = Array.from({ length: 65_537 }, () => room.presence.announce('x'));
    expect(taken).not.toContain(false);
    expect([room.heard(ann), room.presence.waiting]).toEqual([[['65536']], 1]);
  });

  it('takes no more than 65,536 while thousands of broadcasts wait', () => {
    const room = new Room({ combine: (texts) => String(texts.length) });
    const ann = room.channel();
    room.group.add(ann);
    const taken: boolean[] = [];
    whileWriting(ann, () => {
      for (let i = 0; i < 8192; i++) room.group.write('hello');
      for (let i = 0; i < 65_537; i++) taken.push(room.presence.announce('x'));
    });
    room.group.writeAndFlush('now');
    expect(taken.indexOf(false)).toBe(65_536);
    expect(taken).toHaveLength(65_537);
    // What waits goes out after them.
    expect(room.heard(ann)[0]!.slice(8190)).toEqual(['hello', 'hello', 'hello', '65536']);
  });

  it('catches up no further while thousands of broadcasts wait', () => {
    const room = new Room();
    const ann = room.join('ann');
    room.presence.announce('one');
    room.presence.announce('two', ann);
    room.presence.announce('three');
    const could: boolean[] = [];
    whileWriting(ann, () => {
      could.push(room.presence.catchUp(room.channel()));
      for (let i = 0; i < 8192; i++) room.group.write('hello');
      could.push(room.presence.catchUp(ann));
    });
    room.group.writeAndFlush('now');
    expect([could, room.presence.waiting]).toEqual([[true, false], 3]);
    expect(room.presence.catchUp(ann)).toBe(true);
    expect(room.heard(ann)[0]!.slice(8192)).toEqual(['hello', 'one three']);
  });

  it('catches up no further while four million writes wait', () => {
    const room = new Room({ combine: undefined } as unknown as Options, new SlowClock());
    const members = Array.from({ length: 2000 }, () => room.channel());
    for (const member of members) room.group.add(member);
    for (let i = 0; i < 3000; i++) room.presence.announce(`${i}`);
    room.presence.announce('about', members[7]);
    expect(room.presence.catchUp(members[7]!)).toBe(false);
    expect(room.group.backlog).toBeLessThan(2100);
    expect(room.group.backlog).toBeGreaterThan(1990);
  });

  it('counts the writes that wait, and not those that were made', () => {
    const room = new Room({ combine: undefined } as unknown as Options);
    let written = 0;
    const done = SettableFuture.succeeded();
    for (let i = 0; i < 1000; i++) {
      const member = room.channel();
      member.pipeline.addLast({
        write() {
          written += 1;
          return done;
        },
      });
      room.group.add(member);
    }
    for (let i = 0; i < 4100; i++) room.presence.announce(`${i}`);
    room.clock.advance(2000);
    expect([written, room.presence.waiting]).toEqual([4_100_000, 0]);
  });

  it('makes one message of the rest for all that joined at the same moment', () => {
    let made = 0;
    const combine = (texts: readonly string[]): string => {
      made += 1;
      return texts.join(' ');
    };
    const room = new Room({ combine });
    const ann = room.join('ann');
    room.presence.announce('one');
    const silent = Array.from({ length: 100 }, () => room.channel());
    for (const channel of silent) room.group.add(channel);
    const bob = room.join('bob');
    for (const text of ['two', 'three']) room.presence.announce(text);
    room.clock.advance(50);
    expect(room.heard(ann, silent[0]!, silent[99]!, bob)).toEqual([
      ['one +bob two three'],
      ['+bob two three'],
      ['+bob two three'],
      ['two three'],
    ]);
    expect(made).toBe(3);
  });

  it('costs no square of the members that join between announcements', () => {
    let combined = 0;
    const combine = (texts: readonly string[]): string => {
      combined += texts.length;
      return texts.join(' ');
    };
    const room = new Room({ combine });
    const ann = room.join('ann');
    for (let i = 0; i < 1000; i++) {
      room.presence.announce(`${i}`);
      room.group.add(room.channel());
    }
    room.clock.advance(1000);
    expect(room.heard(ann)[0]!.join(' ').split(' ')).toHaveLength(1000);
    expect(combined).toBeLessThan(1000 * 65);
  });

  it('counts the writes of `catchUp`', () => {
    const room = new Room({ writesAtOnce: 3 });
    const ann = room.channel();
    room.group.add(ann);
    room.presence.announce('one');
    room.clock.advance(30);
    for (const text of ['two', 'three', 'four']) room.presence.announce(text);
    expect(room.heard(ann)).toEqual([['one', 'two', 'three']]);
    room.clock.advance(40);
    const bob = room.join('bob');
    room.presence.catchUp(bob);
    room.clock.advance(10);
    for (const text of ['five', 'six']) room.presence.announce(text);
    expect(room.heard(ann)).toEqual([['four +bob', 'five']]);
  });

  it('counts announcements and not batches without `combine`', () => {
    const room = new Room({ combine: undefined, writesAtOnce: 4 } as unknown as Options);
    const ann = room.channel();
    room.group.add(ann);
    room.clock.advance(1000);
    for (const text of ['1', '2', '3', '4', '5', '6', '7']) room.presence.announce(text);
    expect(room.heard(ann)).toEqual([['1', '2', '3', '4']]);
    room.clock.advance(50);
    // The three that waited are three writes: one more, and the next one waits.
    for (const text of ['8', '9']) room.presence.announce(text);
    expect(room.heard(ann)).toEqual([['5', '6', '7', '8']]);
  });

  it('writes each by itself, and flushes once, without `combine`', () => {
    const room = new Room({ combine: undefined } as unknown as Options);
    const ann = room.channel();
    let flushes = 0;
    ann.pipeline.addLast({
      flush(ctx) {
        flushes += 1;
        ctx.flush();
      },
    });
    room.group.add(ann);
    for (const text of ['one', 'two', 'three']) room.presence.announce(text);
    flushes = 0;
    room.clock.advance(50);
    expect([room.heard(ann), flushes]).toEqual([[['one', 'two', 'three']], 1]);
  });

  it.each<[string, (texts: readonly string[]) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['gives nothing', () => undefined],
  ])('writes each by itself when `combine` %s, and logs it', (_what, combine) => {
    const room = new Room({ combine: combine as Options['combine'] & {} });
    const ann = room.join('ann');
    for (const text of ['one', 'two', 'three']) room.presence.announce(text);
    room.clock.advance(50);
    expect(room.heard(ann)).toEqual([['one', 'two', 'three']]);
    expect(room.logged).toEqual([expect.stringContaining('error')]);
    expect(room.logged[0]).toContain('combine of the Announcer threw');
  });

  it('asks each member once for each piece, however many members get a part of their own', () => {
    const room = new Room();
    const asked = asksOf(room.group);
    for (let i = 0; i < 300; i++) {
      room.join(`${i}`);
      if (i % 3 === 0) room.group.add(room.channel());
    }
    room.clock.advance(1000);
    expect(room.presence.waiting).toBe(0);
    // 400 members, and no more than 64 parts in each of the pieces.
    expect(asked()).toBeLessThan(400 * (Math.ceil(400 / 64) + 4));
  });

  it('refuses a message that is none', () => {
    const room = new Room();
    room.join('ann');
    expect(() => room.presence.announce(undefined as never)).toThrow(TypeError);
    expect(room.presence.waiting).toBe(0);
  });
});

/** How often the matchers of a group's broadcasts are asked. */
function asksOf(group: ChannelGroup<string>): () => number {
  let asked = 0;
  for (const method of ['write', 'writeAndFlush'] as const) {
    const send = group[method].bind(group);
    group[method] = (message, matcher) => {
      const counting = (one: Channel): boolean => {
        asked += 1;
        return matcher!(one);
      };
      return send(message, matcher && Object.assign(counting, matcher));
    };
  }
  return () => asked;
}

/** Calls back within a write of `now` to the member: the group runs then, and further broadcasts wait. */
function whileWriting(member: EmbeddedChannel, action: () => void): void {
  member.pipeline.addLast({
    write(ctx, message) {
      if (message === 'now') action();
      return ctx.write(message);
    },
  });
}

/** Each look at the time takes a while: a broadcast to 200 needs several slices. */
class SlowClock extends VirtualClock {
  override now(): number {
    this.advanceQuietly(3);
    return super.now();
  }
}
