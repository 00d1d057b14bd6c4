import type { Clock } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { TakenNotes } from '../../src/server/taken-notes.ts';

/** A log whose calls take 2 ms, and that counts what is written to it. */
function slowLog(clock: VirtualClock) {
  const places = new Map<string, { readonly records: Uint8Array[]; readonly revision: number }>();
  const log = {
    places,
    appends: 0,
    read: async (place: string) => {
      await pause(clock);
      return places.get(place);
    },
    append: async (place: string, record: Uint8Array, { after }: { readonly after?: number }) => {
      log.appends += 1;
      await pause(clock);
      const revision = places.get(place)?.revision;
      if (revision !== after) return undefined;
      places.set(place, { records: [record], revision: (revision ?? 0) + 1 });
      return (revision ?? 0) + 1;
    },
  };
  return log;
}

function pause(clock: VirtualClock): Promise<void> {
  return new Promise((resolve) => clock.schedule(resolve, 2));
}

it('writes many notes to a process that is gone in few records, and loses none', async () => {
  const clock = new VirtualClock();
  const log = slowLog(clock);
  const ask = (_clock: Clock, call: () => unknown): unknown => call();
  let tables = 0;
  const random = (bytes: number): Uint8Array => {
    tables += 1;
    return new Uint8Array(bytes).fill(tables);
  };
  const [gone, next, other] = Array.from(
    { length: 3 },
    () => new TakenNotes({ log, ask } as never, random, () => {}),
  );
  const writer = gone!.writer('x');
  const told: string[] = [];
  for (let at = 0; at < 2000; at += 2) {
    const name = `name ${at}`;
    told.push(name);
    clock.schedule(() => (at % 500 === 0 ? other! : next!).tell(writer, name, clock), at);
  }
  for (let at = 0; at < 4000; at++) {
    clock.advance(1);
    await new Promise(setImmediate);
  }
  const [record] = log.places.get(gone!.place)!.records;
  expect(new Set(Buffer.from(record!).toString().split('\n'))).toEqual(new Set(told));
  expect(log.appends).toBeLessThan(25);
});

it('writes a note again if the log fails, or does not answer', async () => {
  const clock = new VirtualClock();
  const log = slowLog(clock);
  let asked = 0;
  const ask = async (_clock: Clock, call: () => unknown): Promise<unknown> => {
    asked += 1;
    // The third call is the append after the first read that works, whose answer is lost.
    const answer = asked === 1 ? undefined : await call();
    if (asked === 1 || asked === 3) throw new Error('late');
    return answer;
  };
  const notes = (place: number) =>
    new TakenNotes(
      { log, ask } as never,
      (bytes) => new Uint8Array(bytes).fill(place),
      () => {},
    );
  const before = notes(1);
  notes(2).tell(before.writer('x'), 'name', clock);
  for (let at = 0; at < 2000; at++) {
    clock.advance(1);
    await new Promise(setImmediate);
  }
  const [record] = log.places.get(before.place)!.records;
  expect(new Set(Buffer.from(record!).toString().split('\n'))).toEqual(new Set(['name']));
  expect(asked).toBe(5);
});
