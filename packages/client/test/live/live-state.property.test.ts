import assert from 'node:assert';
import { type LiveChange, LiveState } from '@headrace/client';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ModelMessage, ModelServer } from './model-server.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', '__proto__'];
const key = fc.constantFrom(...KEYS);
const small = fc.integer({ min: 1, max: 6 });
/** What happens next. The last number is how many messages go through, or are read by the loop. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, value: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('send', 'receive'), count: small }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), count: small }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cut', 'connect') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('forget', 'begin again') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('lose', 'repeat'), count: small }) },
);
type Step = (typeof step extends fc.Arbitrary<infer S> ? S : never) & {
  readonly key?: string;
  readonly value?: number;
  readonly count?: number;
};

/** Applies changes to a map, and proves that each fits the ones before it. */
class Shadow {
  readonly map = new Map<string, number>();

  apply({ type, key: of, value, previous }: LiveChange<number>): void {
    assert.equal(previous, this.map.get(of), `the previous value of ${of}`);
    if (type === 'set') this.map.set(of, value);
    else assert.ok(this.map.delete(of), `${of} is deleted although it did not exist`);
  }
}

/** A client of the model, whose listener and whose slow loop each keep a map. */
class World {
  /** What the listener found wrong. */
  private readonly faults: unknown[] = [];
  readonly server = new ModelServer();
  readonly live = new LiveState<number>('room', {
    maxKeys: KEYS.length,
    logger: { log: (_level, _message, error) => void this.faults.push(error) },
  });
  readonly heard = new Shadow();
  readonly looped = new Shadow();
  private readonly changes = this.live.changes();
  private next: Promise<void> | undefined = undefined;
  /** The messages since the last `begin`. */
  private taken: ModelMessage[] = [];
  /** Versions of each epoch that were reported. */
  private readonly reported = new Set<string>();
  /** Keys that the client has had, and that were never deleted or lost. */
  private readonly steady = new Set<string>();

  constructor() {
    this.live.on('change', (change) => {
      this.heard.apply(change);
      const { key: of, type } = change;
      if (type !== 'set') return;
      this.steady.add(of);
      const id = `${this.live.position?.epoch} ${this.live.versionOf(of)}`;
      assert.ok(!this.reported.has(id), `the change ${id} is reported twice`);
      this.reported.add(id);
    });
  }

  async run({ do: what, key: of = '', value, count = 0 }: Step): Promise<void> {
    const { server, live } = this;
    if (what === 'set') server.change(of, value!);
    else if (what === 'delete') server.change(of, undefined);
    else if (what === 'send') server.advance(count);
    else if (what === 'receive') this.receive(count);
    else if (what === 'read') await this.read(count);
    else if (what === 'cut') server.cut();
    else if (what === 'connect') server.join(live.begin());
    else if (what === 'forget') server.forget();
    else if (what === 'begin again') server.beginAgain();
    else if (what === 'lose') server.lose(count);
    else if (what === 'repeat') this.repeat(count);
    this.check();
  }

  /** The client comes back, and gets everything. */
  async settle(): Promise<void> {
    if (!this.server.isConnected) this.server.join(this.live.begin());
    while (!this.server.isDone || this.server.wire.length > 0) {
      this.server.advance(100);
      this.receive(100);
      this.check();
    }
    await this.read(100);
    this.check();
  }

  private receive(count: number): void {
    for (const message of this.server.wire.splice(0, count)) {
      assert.ok(this.live.take(message));
      if (message.type === 'begin') this.taken = [];
      else this.taken.push(message);
    }
  }

  /** A message comes again, late. */
  private repeat(count: number): void {
    const late = this.taken.at(-count);
    const { position, revision } = this.live;
    const isKnown = late?.type !== 'ready' || late.version < position!.offset;
    if (late === undefined || !isKnown) return;
    assert.ok(this.live.take(late));
    assert.deepEqual([this.live.position, this.live.revision], [position, revision], late.type);
  }

  private async read(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      let isRead = false;
      this.next ??= this.changes
        .next()
        .then(({ value }) => {
          this.looped.apply(value);
          this.next = undefined;
          isRead = true;
        })
        .catch((error: unknown) => void this.faults.push(error));
      // A change that waits is there after two promises.
      for (let turns = 0; turns < 3; turns++) await Promise.resolve();
      if (!isRead && this.next !== undefined) return;
    }
  }

  private check(): void {
    const { live, heard, steady, server } = this;
    if (this.faults.length > 0) throw this.faults[0];
    assert.deepEqual(new Map(live), heard.map, 'the map and its changes');
    assert.equal(live.size, heard.map.size);
    for (const of of steady) {
      if (server.missed.has(of)) steady.delete(of);
      else assert.ok(live.has(of), `${of} is not there, although it was never deleted`);
    }
  }
}

it('is the map of the server after any losses, resets, repetitions and slow readers', async () => {
  let resets = 0;
  let stale = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100, size: 'max' }), async (steps) => {
      const world = new World();
      world.live.on('change', ({ type }) => {
        if (type === 'reset') resets += 1;
      });
      world.live.on('status', (status) => {
        if (status === 'stale') stale += 1;
      });
      for (const one of steps) await world.run(one as Step);
      await world.settle();
      assert.deepEqual(new Map(world.live), world.server.values, 'the map of the server');
      assert.deepEqual(world.looped.map, world.server.values, 'the map of the loop');
      assert.equal(world.live.status, 'ready');
    }),
    { numRuns: 1000 },
  );
  // The steps get to what they are for.
  expect(Math.min(resets, stale)).toBeGreaterThan(300);
});
