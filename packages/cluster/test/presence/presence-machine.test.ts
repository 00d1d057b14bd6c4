import { describe, expect, it } from 'vitest';
import { OwnMembers } from '../../src/presence/own-members.ts';
import { OwnPresence } from '../../src/presence/own-presence.ts';
import { PresenceDigest } from '../../src/presence/presence-digest.ts';
import { type PresenceAction, PresenceMachine } from '../../src/presence/presence-machine.ts';
import type { PresenceQuestion, PresenceRow } from '../../src/presence/presence-message.ts';

const START = { group: 0, id: 0 };

/** What is noted for an answer that is not complete. */
function noted(machine: PresenceMachine): number {
  const { remotes } = machine as unknown as {
    remotes: Map<string, { question: { seen: Set<string>; open: { ids: Set<string> } } }>;
  };
  const { seen, open } = remotes.get('n')!.question;
  return seen.size + open.ids.size;
}

/** Messages that are kept for after the answer. */
function waiting(machine: PresenceMachine): number {
  const { remotes } = machine as unknown as {
    remotes: Map<string, { question: { waiting: unknown[] } }>;
  };
  return remotes.get('n')!.question.waiting.length;
}

/** A node that publishes, and what it would say of itself in a heartbeat. */
class Origin {
  readonly own = new OwnPresence();
  number = 0;
  private readonly groups = new Map<string, ReturnType<OwnPresence['group']>>();

  join(group: string, id?: string): void {
    this.change(group, (members) => members.add(id));
  }

  leave(group: string, id?: string): void {
    this.change(group, (members) => members.remove(id));
  }

  /** The group is there no more. */
  free(group: string): void {
    this.own.free(this.groups.get(group)!);
    this.groups.delete(group);
  }

  /** The messages of what changed. */
  flush(): { number: number; rows: PresenceRow[] }[] {
    return [...this.flushes()];
  }

  /** One after the other. */
  *flushes(): Iterable<{ number: number; rows: PresenceRow[] }> {
    let message: PresenceRow[] | undefined;
    const send = (rows: PresenceRow[]) => {
      message = rows;
      this.number += 1;
      return this.number;
    };
    while (this.own.flush(send)) yield { number: this.number, rows: message! };
  }

  get mark() {
    return { number: this.number, digest: this.own.digest };
  }

  private change(group: string, how: (members: ReturnType<OwnPresence['group']>) => void): void {
    const members = this.groups.get(group) ?? this.own.group(group);
    this.groups.set(group, members);
    how(members);
    this.own.changed(members);
  }
}

/** Another node that hears it. */
class Hearer {
  readonly machine: PresenceMachine;
  /** Questions so far: after which number. */
  readonly asked: number[] = [];
  private readonly origin: Origin;
  question: PresenceQuestion | undefined;
  /** How often there was no room for more of it. */
  full = 0;
  /** In milliseconds. */
  now = 0;
  /** Characters of the longest answer so far. */
  longest = 0;

  constructor(origin: Origin, maxEntries = 1_000_000) {
    this.origin = origin;
    this.machine = new PresenceMachine(maxEntries);
  }

  hear(messages: readonly { number: number; rows: PresenceRow[] }[]): void {
    for (const { number, rows } of messages) this.take(this.machine.delta('n', number, rows));
  }

  /** A heartbeat, and the time after it. */
  beat(mark = this.origin.mark): void {
    this.take(this.machine.marked('n', mark, this.now));
  }

  /** All answers to the last question. @param meanwhile - what happens between two of them */
  answer(meanwhile = () => {}): void {
    while (this.question !== undefined) {
      const { ask, since, from } = this.question;
      this.question = undefined;
      const answer = this.origin.own.since(since, this.origin.number, from);
      this.longest = Math.max(this.longest, JSON.stringify(answer.rows).length);
      this.take(this.machine.answer('n', ask, answer));
      if (answer.next !== undefined) meanwhile();
    }
  }

  who(group: string): string[] {
    return [...this.machine.who(group)].map(({ id }) => id).toSorted();
  }

  take(actions: readonly PresenceAction[]): void {
    for (const action of actions) {
      if (action.do === 'ask') {
        this.question = action.question;
        this.asked.push(action.question.since);
      } else if (action.do === 'full') this.full += 1;
      else if (action.do === 'wait') this.take(this.machine.late('n', action.number));
    }
  }
}

function pair() {
  const origin = new Origin();
  return { origin, hearer: new Hearer(origin) };
}

describe('presence of another node', () => {
  it('is known by its messages alone, and a heartbeat that agrees asks nothing', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    origin.join('a', 'bob');
    origin.join('b');
    hearer.hear(origin.flush());
    origin.leave('a', 'ann');
    hearer.hear(origin.flush());
    hearer.beat();
    expect([hearer.who('a'), hearer.machine.total('b')]).toEqual([['bob'], 1]);
    expect(hearer.asked).toEqual([]);
  });

  it('is asked for what changed after a hole, and not for the rest', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 500; i += 1) origin.join(`room ${i}`, 'ann');
    hearer.hear(origin.flush());
    origin.join('room 7', 'bob');
    origin.flush();
    origin.join('room 8', 'cho');
    hearer.hear(origin.flush());
    expect(hearer.asked).toEqual([1]);
    expect(origin.own.since(1, origin.number, START).rows).toHaveLength(2);
    hearer.answer();
    expect([hearer.who('room 7'), hearer.who('room 8')]).toEqual([
      ['ann', 'bob'],
      ['ann', 'cho'],
    ]);
    hearer.beat();
    expect(hearer.asked).toEqual([1]);
  });

  it('is asked for the last change, when a heartbeat tells of it and it does not come', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    hearer.hear(origin.flush());
    origin.leave('a', 'ann');
    origin.flush();
    hearer.beat();
    expect(hearer.asked).toEqual([1]);
    hearer.answer();
    expect([hearer.who('a'), hearer.machine.total('a')]).toEqual([[], 0]);
  });

  it('is not known while a message is missing that a heartbeat has the number of', () => {
    const { origin, hearer } = pair();
    const { machine } = hearer;
    origin.join('a', 'ann');
    const message = origin.flush();
    machine.marked('n', origin.mark, 0);
    expect(machine.isBehind).toBe(true);
    hearer.hear(message);
    expect(machine.isBehind).toBe(false);
    // A forged one, which no message follows.
    hearer.beat({ number: 2 ** 40, digest: 0 });
    expect(machine.isBehind).toBe(true);
    hearer.answer();
    expect(machine.isBehind).toBe(false);
  });

  it('is asked for all of it where the numbers agree and the members do not', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    // Not from that node.
    const forged = [
      { group: 'a', count: 2, joined: ['eve', 'ann'], left: [] },
      { group: 'x', count: 1, joined: ['eve'], left: [] },
    ];
    hearer.hear([{ number: 1, rows: forged }]);
    hearer.hear(origin.flush());
    expect(hearer.who('a')).toEqual(['ann', 'eve']);
    hearer.beat();
    expect(hearer.asked).toEqual([0]);
    hearer.answer();
    expect([hearer.who('a'), hearer.who('x')]).toEqual([['ann'], []]);
    expect([hearer.machine.total('a'), hearer.machine.total('x')]).toEqual([1, 0]);
    hearer.beat();
    expect(hearer.asked).toEqual([0]);
  });

  it('is not silenced by a forged number, however high it is', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    hearer.hear(origin.flush());
    hearer.hear([{ number: 2 ** 48 - 1, rows: [] }]);
    hearer.answer();
    origin.join('a', 'bob');
    hearer.hear(origin.flush());
    expect(hearer.who('a')).toEqual(['ann', 'bob']);
    expect(hearer.asked).toEqual([1]);
    // One that follows is taken; the second heartbeat that is behind it shows that it was wrong.
    hearer.hear([{ number: 3, rows: [{ group: 'a', count: 9, joined: [], left: ['ann'] }] }]);
    hearer.beat();
    expect(hearer.asked).toEqual([1]);
    hearer.beat();
    hearer.answer();
    expect(hearer.asked).toEqual([1, 0]);
    expect([hearer.who('a'), hearer.machine.total('a')]).toEqual([['ann', 'bob'], 2]);
  });

  it('is asked for all of it once in 10 s where its heartbeats are behind, as recorded ones are', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    hearer.hear(origin.flush());
    const recorded = origin.mark;
    origin.join('a', 'bob');
    hearer.hear(origin.flush());
    for (let i = 0; i < 40; i += 1) {
      hearer.beat(recorded);
      hearer.answer();
      hearer.now += 500;
    }
    expect(hearer.asked).toEqual([0, 0]);
  });

  it('takes the messages that came while the answer was waited for', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    origin.flush();
    origin.join('a', 'bob');
    hearer.hear(origin.flush());
    const { own, number } = origin;
    const answer = own.since(0, number, START);
    origin.join('a', 'cho');
    hearer.hear(origin.flush());
    hearer.take(hearer.machine.answer('n', 1, answer));
    expect(hearer.who('a')).toEqual(['ann', 'bob', 'cho']);
    expect(hearer.asked).toEqual([0]);
  });

  it('keeps at most 100,000 changes that wait for an answer, then asks for them too', () => {
    const { origin, hearer } = pair();
    const joined = Array.from({ length: 999 }, (_, i) => `id ${i}`);
    const rows = [{ group: 'a', count: 1, joined, left: [] }];
    origin.join('a', 'ann');
    origin.number = 101;
    const last = origin.flush();
    for (let number = 2; number <= 101; number += 1) hearer.hear([{ number, rows }]);
    // One too many: none of them is kept.
    hearer.hear(last);
    origin.number = 1;
    hearer.answer();
    expect(hearer.machine.total('a')).toBe(1);
    expect(hearer.who('a')).toEqual(['ann']);
    origin.number = 102;
    hearer.beat();
    expect(hearer.asked).toEqual([0, 1]);
  });

  it('keeps at most 100,000 messages that wait for an answer, also of those without changes', () => {
    const { hearer } = pair();
    for (let number = 2; number <= 200_001; number += 1) hearer.hear([{ number, rows: [] }]);
    expect(waiting(hearer.machine)).toBeLessThanOrEqual(100_000);
  });

  it('goes out in messages of at most 1000 entries', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 2500; i += 1) origin.join('big', `id ${i}`);
    for (let i = 0; i < 2500; i += 1) origin.join(`small ${i}`);
    const messages = origin.flush();
    expect(messages.length).toBe(6);
    for (const { rows } of messages) {
      let entries = 0;
      for (const { joined, left } of rows) entries += 1 + joined.length + left.length;
      expect(entries).toBeLessThanOrEqual(1000);
    }
    hearer.hear(messages);
    hearer.beat();
    expect([hearer.who('big').length, hearer.asked]).toEqual([2500, []]);
  });

  it('comes in as many short answers as it takes, also where all changed with one message', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 20_000; i += 1) origin.join(`g${i % 50}`, `${i}`.padStart(64, 'x'));
    for (let i = 0; i < 20_000; i += 1) origin.join('big', `${i}`);
    for (let i = 0; i < 10_000; i += 1) origin.join(`counts ${i}`);
    origin.flush();
    for (let i = 0; i < 50; i += 1) origin.join(`g${i}`, 'last');
    origin.join('big', 'last');
    origin.flush();
    hearer.beat();
    hearer.answer();
    expect(hearer.longest).toBeLessThan(200_000);
    const total = [...Array(50).keys()].map((i) => hearer.who(`g${i}`).length);
    expect(total).toEqual(Array(50).fill(401));
    expect([hearer.who('big').length, hearer.machine.total('counts 9999')]).toEqual([20_001, 1]);
    const { length } = hearer.asked;
    hearer.beat();
    expect(hearer.asked).toHaveLength(length);
  });

  it('is whole although members come and go between its answers', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 10_000; i += 1) origin.join('big', `${i}`);
    for (let i = 0; i < 10_000; i += 1) origin.join(`g${i % 9}`, `${i}`);
    hearer.hear(origin.flush());
    for (let i = 0; i < 10_000; i += 7) origin.leave('big', `${i}`);
    for (const group of ['big', ...[...Array(9).keys()].map((i) => `g${i}`)]) {
      origin.join(group, 'missed');
    }
    origin.flush();
    hearer.beat();
    let step = 1;
    hearer.answer(() => {
      step += 1;
      for (const id of [step * 7 + 1, 9999 - step * 7]) origin.leave('big', `${id}`);
      origin.join('big', `new ${step}`);
      origin.join('big', `${step * 7}`);
      origin.leave(`g${step % 9}`, 'missed');
      if (step > 5) origin.join(`g${step % 9}`, 'missed');
      hearer.hear(origin.flush());
    });
    expect(step).toBeGreaterThan(4);
    const { length } = hearer.asked;
    hearer.beat();
    // The digests agree.
    expect(hearer.asked).toHaveLength(length);
    expect([hearer.who('big').includes('new 2'), hearer.who('big').includes('21')]).toEqual([
      true,
      true,
    ]);
  });

  it('goes on where it was when an answer is lost, and takes none of an older question', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    origin.flush();
    hearer.beat();
    hearer.take(hearer.machine.unanswered('n'));
    const eve = { rows: [{ group: 'a', count: 2, joined: ['eve'], left: [] }], upTo: 9 };
    hearer.take(hearer.machine.answer('n', 1, { ...eve, next: undefined }));
    expect(hearer.who('a')).toEqual([]);
    const endless = { ...eve, rows: [], next: START };
    expect(() => hearer.machine.answer('n', 2, endless)).toThrow(/endless/);
    const [ask] = hearer.machine.answer('n', 2, {
      upTo: 1,
      rows: [],
      next: { group: 0, id: 1 },
    });
    expect(ask).toMatchObject({ question: { since: 0, from: { group: 0, id: 1 } } });
    expect(hearer.machine.unanswered('n')).toMatchObject([
      { question: { ask: 4, from: { group: 0, id: 1 } } },
    ]);
  });

  it('has no members of a group for which it is gone, or whose last member left', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    origin.join('b');
    hearer.hear(origin.flush());
    expect(hearer.machine.gone('n', 'node-gone')).toEqual([
      { do: 'left', group: 'a', id: 'ann', node: 'n', reason: 'node-gone' },
    ]);
    expect([hearer.machine.total('a'), hearer.machine.total('b')]).toEqual([0, 0]);
  });

  it('agrees with its heartbeats also between two messages of one flush', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 2500; i += 1) origin.join('big', `id ${i}`);
    for (const message of origin.flushes()) {
      hearer.hear([message]);
      hearer.beat();
    }
    expect([hearer.who('big').length, hearer.asked]).toEqual([2500, []]);
  });

  it('is known up to a limit, announced once, and whole again when half of what is known has left', () => {
    const origin = new Origin();
    const hearer = new Hearer(origin, 100);
    for (let i = 0; i < 60; i += 1) origin.join(`g${i}`);
    for (let i = 0; i < 60; i += 1) origin.join('g0', `${i}`);
    for (let i = 0; i < 60; i += 1) origin.join(`more ${i}`, 'ann');
    for (let round = 0; round < 3; round += 1) {
      hearer.hear(origin.flush());
      hearer.beat();
      origin.join('g1', `late ${round}`);
    }
    expect([hearer.who('g0').length, hearer.full, hearer.asked]).toEqual([60, 1, []]);
    expect([hearer.machine.total('g39'), hearer.machine.total('g40')]).toEqual([1, 0]);
    expect([hearer.who('g1'), hearer.machine.total('more 0')]).toEqual([[], 0]);
    for (let i = 0; i < 60; i += 1) origin.leave(`more ${i}`, 'ann');
    for (let i = 10; i < 60; i += 1) origin.leave('g0', `${i}`);
    for (let i = 30; i < 60; i += 1) origin.leave(`g${i}`);
    hearer.hear(origin.flush());
    expect(hearer.asked).toEqual([]);
    hearer.beat();
    hearer.answer();
    expect([hearer.asked, hearer.who('g1').length]).toEqual([[0], 3]);
    hearer.beat();
    expect(hearer.asked).toEqual([0]);
  });

  it('is not known while it has more than is kept of it, and until all of it was asked for after that', () => {
    const origin = new Origin();
    const hearer = new Hearer(origin, 10);
    const { machine } = hearer;
    for (let i = 0; i < 20; i += 1) origin.join('g', `${i}`);
    hearer.hear(origin.flush());
    const early = origin.mark;
    hearer.beat();
    expect([machine.isBehind, hearer.asked]).toEqual([true, []]);
    for (const id of hearer.who('g').slice(2)) origin.leave('g', id);
    for (let i = 15; i < 20; i += 1) origin.leave('g', `${i}`);
    hearer.hear(origin.flush());
    // One that is late says nothing of it.
    hearer.beat(early);
    expect([machine.isBehind, hearer.asked]).toEqual([true, []]);
    hearer.beat();
    expect([machine.isBehind, hearer.asked]).toEqual([true, [0]]);
    hearer.answer();
    expect([machine.isBehind, hearer.who('g').length]).toEqual([false, 8]);
  });

  it('is kept up to the limit also where answers name groups and ids without end', () => {
    const hearer = new Hearer(new Origin(), 100);
    hearer.beat({ number: 5, digest: 1 });
    let { question } = hearer;
    for (let i = 0; i < 150; i += 1) {
      const rows = ['empty', 'full'].map((name) => ({
        group: `${name} ${i}`,
        count: name === 'full' ? 1 : 0,
        joined: name === 'full' ? Array.from({ length: 1000 }, (_, id) => `${i} ${id}`) : [],
        left: [],
      }));
      hearer.take(
        hearer.machine.answer('n', question!.ask, { upTo: 5, next: { group: i + 1, id: 0 }, rows }),
      );
      question = hearer.question;
    }
    expect(noted(hearer.machine)).toBeLessThanOrEqual(100);
    expect(hearer.full).toBe(1);
  });

  it('begins again under another id', () => {
    const { origin } = pair();
    origin.join('a', 'ann');
    origin.flush();
    origin.own.restart();
    origin.number = 0;
    const renamed = new Hearer(origin);
    renamed.hear(origin.flush());
    renamed.beat();
    expect([renamed.who('a'), renamed.asked]).toEqual([['ann'], []]);
  });
});

describe('groups that are freed', () => {
  it('are left out of what is kept, once it is published that they are empty', () => {
    const { origin, hearer } = pair();
    origin.join('stays', 'ann');
    for (let i = 0; i < 100_000; i += 1) {
      origin.join(`room ${i}`, 'ann');
      if (i % 3 === 0) hearer.hear(origin.flush());
      origin.leave(`room ${i}`, 'ann');
      origin.free(`room ${i}`);
    }
    hearer.hear(origin.flush());
    expect(origin.own.size).toBeLessThanOrEqual(1 + 1001);
    hearer.beat();
    expect([hearer.who('stays'), hearer.who('room 7'), hearer.asked]).toEqual([['ann'], [], []]);
  });

  it('are known to be empty after a hole, without all being asked for', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 500; i += 1) origin.join(`room ${i}`, 'ann');
    hearer.hear(origin.flush());
    origin.leave('room 7', 'ann');
    origin.free('room 7');
    origin.flush();
    hearer.beat();
    expect(origin.own.since(1, origin.number, START).rows).toHaveLength(1);
    hearer.answer();
    hearer.beat();
    expect([hearer.who('room 7'), hearer.asked]).toEqual([[], [1]]);
  });

  it('that were freed long before a hole was found are found by the digest', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 4000; i += 1) origin.join(`room ${i}`, 'ann');
    hearer.hear(origin.flush());
    for (let i = 0; i < 3990; i += 1) {
      origin.leave(`room ${i}`, 'ann');
      origin.free(`room ${i}`);
      if (i % 100 === 0) origin.flush();
    }
    origin.flush();
    hearer.beat();
    hearer.answer();
    hearer.beat();
    hearer.answer();
    hearer.beat();
    expect(hearer.asked).toEqual([8, 0]);
    expect([hearer.machine.total('room 0'), hearer.machine.total('room 3995')]).toEqual([0, 1]);
  });

  it('have one row when they come again before it is published that they were empty', () => {
    const { origin, hearer } = pair();
    origin.join('a', 'ann');
    hearer.hear(origin.flush());
    origin.leave('a', 'ann');
    origin.free('a');
    origin.join('a', 'bob');
    const messages = origin.flush();
    expect(messages.flatMap(({ rows }) => rows)).toHaveLength(1);
    hearer.hear(messages);
    hearer.beat();
    expect([hearer.who('a'), hearer.asked]).toEqual([['bob'], []]);
  });

  it('shift nothing between two answers', () => {
    const { origin, hearer } = pair();
    for (let i = 0; i < 20_000; i += 1) origin.join(`room ${i}`, 'ann');
    origin.flush();
    hearer.beat();
    let freed = 0;
    hearer.answer(() => {
      for (let i = 0; i < 900; i += 1) {
        origin.leave(`room ${freed}`, 'ann');
        origin.free(`room ${freed}`);
        freed += 1;
      }
      hearer.hear(origin.flush());
    });
    const asked = hearer.asked.length;
    hearer.beat();
    expect([freed > 9000, hearer.asked.length]).toEqual([true, asked]);
    for (let i = 0; i < 20_000; i += 1) {
      expect(hearer.machine.total(`room ${i}`)).toBe(i < freed ? 0 : 1);
    }
  });

  it('are not kept by a node that has another id since', () => {
    const { origin } = pair();
    origin.join('a', 'ann');
    origin.join('b', 'ann');
    origin.flush();
    origin.leave('b', 'ann');
    origin.free('b');
    origin.own.restart();
    origin.number = 0;
    const renamed = new Hearer(origin);
    renamed.hear(origin.flush());
    renamed.beat();
    expect([renamed.who('a'), origin.own.size, renamed.asked]).toEqual([['ann'], 1, []]);
  });

  it('and come again in any order leave one view, whatever is lost', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const { origin, hearer } = pair();
      const there = new Map<string, Set<string>>();
      let state = seed;
      const below = (limit: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
        return (state >> 8) % limit;
      };
      for (let step = 0; step < 300; step += 1) {
        const group = `room ${below(8)}`;
        const ids = there.get(group) ?? new Set();
        there.set(group, ids);
        const id = `id ${below(3)}`;
        if (!ids.has(id)) {
          ids.add(id);
          origin.join(group, id);
        } else {
          ids.delete(id);
          origin.leave(group, id);
          if (ids.size === 0 && below(4) > 0) origin.free(group);
        }
        if (below(5) > 0) continue;
        const messages = origin.flush();
        if (below(3) > 0) hearer.hear(messages);
        if (below(3) === 0) hearer.beat();
        if (below(3) === 0) hearer.answer();
      }
      hearer.hear(origin.flush());
      for (let beat = 0; beat < 3; beat += 1) {
        hearer.beat();
        hearer.answer();
      }
      const known = [...there.keys()].map((group) => [group, hearer.who(group)]);
      const real = [...there].map(([group, ids]) => [group, [...ids].toSorted()]);
      expect(known, `seed ${seed}`).toEqual(real);
      expect(hearer.asked.filter((since) => since === 0).length, `seed ${seed}`).toBeLessThan(3);
    }
  });
});

describe('the members of this node', () => {
  it('are kept for the next message only where they differ from the last one', () => {
    const members = new OwnMembers('a', 1);
    members.add('ann');
    members.change(new PresenceDigest(), 10);
    for (let i = 0; i < 1000; i += 1) {
      members.add(`stranger ${i}`);
      members.remove(`stranger ${i}`);
    }
    members.remove('ann');
    members.add('ann');
    expect(members.unpublished).toBe(0);
    members.remove('ann');
    expect(members.change(new PresenceDigest(), 10)).toMatchObject({ joined: [], left: ['ann'] });
  });
});
