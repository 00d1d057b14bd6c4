import { Buffer } from 'node:buffer';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { headers, type Msg } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import type { StateEntry } from '../../src/contract/state-log.ts';
import type { CopyPlace } from '../../src/nats/nats-copies.ts';
import { StateCopies } from '../../src/nats/state-copies.ts';
import { namesOf } from '../../src/nats/state-names.ts';
import {
  encodeRecord,
  newEpoch,
  RECORD_HEADER,
  type RecordKind,
} from '../../src/nats/state-record.ts';

type Take = (place: CopyPlace, message: Msg) => void;

const BUCKET = namesOf('hr.papp.s.pone');

/** The copies of one stream. `take` is called with what the server sends of a state in it. */
function copiesOf() {
  const clock = new VirtualClock();
  let take: Take = () => {};
  const events: string[] = [];
  const copies = new StateCopies(
    {
      clock,
      copies: {
        follow(subject, _opened, read, order) {
          expect(subject).toBe(`${BUCKET.bucketCopies}.*.*`);
          take = (place, message) => order.take(read(place, message)!);
          return {
            close: () => {
              order.close();
              events.push('unsubscribed');
            },
          };
        },
      },
    },
    BUCKET,
    new Promise(() => {}),
    () => events.push('empty'),
  );
  const send = (group: string, sequence: number, kind: RecordKind = 's', epoch = 'e') => {
    const own = headers();
    own.set(RECORD_HEADER, encodeRecord({ kind, epoch, floor: 0, writers: [] }));
    const token = kind === 'f' ? 'floor' : 'pkey';
    const subject = `${namesIn(group).copies}.${token}`;
    const message = { subject, headers: own, data: Buffer.from(`${sequence}`) };
    take({ epoch: 's', sequence, previous: 0, id: `x/i${sequence}` }, message as unknown as Msg);
  };
  return { clock, copies, send, events };
}

/** The names of a state in the stream of these tests. */
function namesIn(group: string) {
  const { bucket, bucketCopies } = BUCKET;
  const [subject, copies] = [`${bucket}.${group}`, `${bucketCopies}.${group}`];
  return { ...BUCKET, subject, copies, floorSubject: `${subject}.floor` };
}

function follow(copies: StateCopies, group: string) {
  const got: (readonly [number, number])[] = [];
  const subscription = copies.follow(namesIn(group), ({ position, previous }) => {
    got.push([position.offset, previous]);
  });
  return { got, subscription };
}

describe('StateCopies', () => {
  it('a change follows the one before it of the same state, and a floor is none', () => {
    const { copies, send } = copiesOf();
    const { got } = follow(copies, 'pone');
    for (const [i, group] of ['pone', 'ptwo', 'ptwo', 'pone'].entries()) send(group, 4 + i);
    expect(got).toEqual([
      [4, 3],
      [7, 4],
    ]);
    send('ptwo', 8);
    send('pone', 9, 'f');
    send('pone', 10);
    expect(got.at(-1)).toEqual([10, 7]);
  });

  it('the first change follows what was read before it, unless a copy between was not sent here', () => {
    for (const [top, previous] of [
      [6, 3],
      [5, 6],
    ] as const) {
      const { copies, send } = copiesOf();
      const { got } = follow(copies, 'pone');
      copies.read(namesIn('pone'), { last: 3, top });
      send('pone', 7);
      expect(got).toEqual([[7, previous]]);
    }
  });

  it('the first change of a state that was empty says so, and none after a loss does', async () => {
    for (const isLost of [false, true]) {
      const { clock, copies, send } = copiesOf();
      const firsts: (number | undefined)[] = [];
      copies.follow(namesIn('pone'), ({ position, previous, isFirst }) => {
        if (position.epoch !== '') firsts.push(isFirst === true ? previous : undefined);
      });
      const epoch = newEpoch('s', 2);
      send('ptwo', 3);
      send('pone', 4, 'f', epoch);
      send('pone', isLost ? 6 : 5, 's', epoch);
      await passTime(clock, 100);
      send('pone', 7, 's', epoch);
      await passTime(clock, 100);
      expect(firsts).toEqual([isLost ? undefined : 0, undefined]);
    }
  });

  it('a change just before the floor is not forgotten: the next one is not the first', () => {
    const { copies, send } = copiesOf();
    const firsts: (boolean | undefined)[] = [];
    send('ptwo', 1);
    copies.follow(namesIn('pone'), ({ isFirst }) => firsts.push(isFirst));
    send('pone', 2);
    send('pone', 3, 'f', newEpoch('s', 1));
    send('pone', 4, 's', newEpoch('s', 1));
    expect(firsts).toEqual([undefined, undefined]);
    const late: (boolean | undefined)[] = [];
    send('pthree', 5);
    copies.follow(namesIn('pthree'), ({ isFirst }) => late.push(isFirst));
    const epoch = newEpoch('s', 4);
    send('pthree', 6, 'f', epoch);
    send('pthree', 7, 's', epoch);
    expect(late).toEqual([undefined]);
  });

  it('a loss is told to the followers of all states, which read', async () => {
    const { clock, copies, send } = copiesOf();
    const one = follow(copies, 'pone');
    const two = follow(copies, 'ptwo');
    send('pone', 1);
    send('ptwo', 2);
    send('pone', 4);
    await passTime(clock, 49);
    expect(one.got.length).toBe(1);
    await passTime(clock, 2);
    expect(one.got.slice(1)).toEqual([
      [3, 3],
      [4, 3],
    ]);
    expect(two.got.slice(1)).toEqual([[3, 3]]);
    send('ptwo', 3);
    send('ptwo', 5);
    expect(two.got.slice(2)).toEqual([[5, 4]]);
  });

  it('copies in another order are put in order', async () => {
    const { clock, copies, send } = copiesOf();
    const { got } = follow(copies, 'pone');
    for (const sequence of [1, 4, 3]) send('pone', sequence);
    await passTime(clock, 10);
    send('ptwo', 2);
    await passTime(clock, 100);
    expect(got).toEqual([
      [1, 0],
      [3, 1],
      [4, 3],
    ]);
  });

  it('ends with its last follower', () => {
    const { copies, send, events } = copiesOf();
    const one = follow(copies, 'pone');
    const two = follow(copies, 'ptwo');
    one.subscription.close();
    one.subscription.close();
    send('pone', 1);
    expect([one.got, events]).toEqual([[], []]);
    two.subscription.close();
    expect(events).toEqual(['unsubscribed', 'empty']);
  });

  it('of 300 random histories with losses, late copies and reads, a follower misses no change that it takes for the next', async () => {
    for (let seed = 1; seed <= 300; seed++) await follows(seed);
  });
});

/** A follower that reads as a feed does: after each entry that does not follow what it has. */
async function follows(seed: number): Promise<void> {
  const random = randomOf(seed);
  const { clock, copies, send } = copiesOf();
  const stored: string[] = [];
  const newest = () => stored.lastIndexOf('pone') + 1;
  let at = 0;
  let reads = 0;
  let isReading = false;
  const held: StateEntry[] = [];
  const take = (entry: StateEntry) => {
    const { position, previous } = entry;
    if (isReading) {
      held.push(entry);
      return;
    }
    if (position.epoch === 'e' && position.offset <= at) return;
    if (previous === at && position.offset !== at && position.epoch === 'e') {
      const missed = stored.slice(at, position.offset - 1).indexOf('pone');
      expect([seed, position.offset, missed]).toEqual([seed, position.offset, -1]);
      at = position.offset;
    } else void read();
  };
  const read = async () => {
    isReading = true;
    reads += 1;
    const top = stored.length;
    await passTime(clock, Math.floor(random() * 5));
    const last = newest();
    const isNewest = !stored.slice(top).includes('pone');
    await Promise.resolve();
    if (isNewest) copies.read(namesIn('pone'), { last, top });
    at = Math.max(at, last);
    isReading = false;
    for (const entry of held.splice(0)) take(entry);
  };
  copies.follow(namesIn('pone'), take);
  const waiting: number[] = [];
  for (let step = 0; step < 60; step++) {
    const group = random() < 0.3 ? 'pone' : 'ptwo';
    stored.push(group);
    if (step === 10) void read();
    if (step < 8) continue;
    if (random() > 0.05) waiting.push(stored.length);
    while (waiting.length > 0 && random() < 0.7) {
      const [sequence] = waiting.splice(random() < 0.2 ? waiting.length - 1 : 0, 1);
      send(stored[sequence! - 1]!, sequence!);
    }
    await passTime(clock, Math.floor(random() * 20));
  }
  for (const sequence of waiting) send(stored[sequence - 1]!, sequence);
  await passTime(clock, 200);
  stored.push('pone');
  send('pone', stored.length);
  await passTime(clock, 200);
  expect([seed, at]).toEqual([seed, stored.length]);
  expect(reads).toBeLessThan(40);
}

function randomOf(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e37_79b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}
