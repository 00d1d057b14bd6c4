// Idempotency keys on several nodes, without HTTP and in virtual time.
import { BUS_ERRORS } from '@headrace/bus';
import type { Cluster } from '@headrace/cluster';
import { wireOf } from '@headrace/cluster/authoring';
import { ChannelError } from '@headrace/core';
import { connectionsOf } from '@headrace/gateway';
import { type StateLog, type StateWrite, statesOf } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { Nodes } from '../../../cluster/test/nodes.ts';
import { type ApiAnswer, answerForError } from '../../src/http/api-error.ts';
import { IdempotentRequests } from '../../src/http/idempotent-requests.ts';

const LIMITS = {
  idempotencyMs: 600_000,
  maxIdempotencyKeys: 1000,
  maxIdempotencyBytes: 10_000_000,
};
const requestOf = (key: string, digest = 'a digest') => ({ scope: 'a scope', key, digest });
const isAgain = ({ headers }: ApiAnswer) => headers?.['idempotency-replayed'] === 'true';
const codeOf = ({ status, value }: ApiAnswer) => [
  status,
  (value as { error?: { code: string } }).error?.code,
];
const busDown = () => new ChannelError(BUS_ERRORS.BUS_DOWN, 'down', { bus: 'memory' });

class World {
  readonly nodes = new Nodes();
  readonly apis: { cluster: Cluster; store: StateLog; requests: IdempotentRequests }[] = [];
  /** The requests that were carried out, in order. */
  readonly done: string[] = [];
  /** The time that a request takes. */
  takesMs = 0;
  private readonly limits: typeof LIMITS;

  constructor(limits: Partial<typeof LIMITS> = {}) {
    this.limits = { ...LIMITS, ...limits };
  }

  async start(count: number, passMs = 3000, hasStore = true): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const bus = this.nodes.limitedBus(200_000);
      if (!hasStore) Object.defineProperty(bus, 'kind', { value: 'mesh' });
      const cluster = await this.nodes.join({ bus });
      const store = hasStore ? statesOf(bus)! : ({} as StateLog);
      const { peers } = connectionsOf(cluster);
      const requests = new IdempotentRequests(peers, this.limits, this.nodes.clock);
      this.apis.push({ cluster, store, requests });
    }
    await this.nodes.pass(passMs);
  }

  /** A request to one of the nodes. */
  ask(index: number, key: string, value: object = { delivered: 1 }, digest?: string) {
    const run = async (): Promise<ApiAnswer> => {
      if (this.takesMs > 0) {
        await new Promise<void>((resolve) => void this.nodes.clock.schedule(resolve, this.takesMs));
      }
      this.done.push(key);
      return { status: 200, value };
    };
    const { requests } = this.apis[index]!;
    return requests
      .once(requestOf(key, digest), run)
      .catch((error: unknown) => answerForError(error) ?? Promise.reject(error));
  }

  async answered<T>(answer: Promise<T>, ms = 100): Promise<T> {
    answer.catch(() => {});
    let isOpen = true;
    void answer.finally(() => {
      isOpen = false;
    });
    await this.nodes.pass(ms);
    while (isOpen) await this.nodes.pass(50);
    return await answer;
  }

  /** Nothing of the node reaches other nodes. */
  silence(index: number): () => void {
    const { bus } = this.apis[index]!.cluster.parts.wire;
    const publish = bus.publish.bind(bus);
    bus.publish = () => 'sent';
    return () => {
      bus.publish = publish;
    };
  }

  /** Its process hangs, or is killed. */
  kill(index: number): void {
    this.silence(index);
    this.apis[index]!.store.append = () => new Promise(() => {});
  }

  /** What the engine answers to the next changes of a node, one after the other. */
  next(index: number, ...steps: ((store: () => Promise<unknown>) => Promise<unknown>)[]): void {
    const { store } = this.apis[index]!;
    const append = store.append.bind(store);
    store.append = (...change) => {
      const step = steps.shift();
      const storing = () => append(...change);
      return (step === undefined ? storing() : step(storing)) as ReturnType<StateLog['append']>;
    };
  }

  /** The keys in the store. */
  async keys(index = 0): Promise<string[]> {
    const { store, cluster } = this.apis[index]!;
    const stream = wireOf(cluster).subjects.keys('a scope');
    const { entries } = await store.read(stream, 0, 1000);
    return entries.filter(({ isRemoval }) => !isRemoval).map(({ key }) => key);
  }

  /** Asks all nodes for keys that were carried out before. */
  async repeatAll(keys: readonly string[], indices: readonly number[]): Promise<void> {
    const before = this.done.length;
    for (const index of indices) {
      const answers = await this.answered(
        Promise.all(keys.map((key) => this.ask(index, key, { delivered: 2 }))),
      );
      for (const answer of answers) {
        expect([answer.value, isAgain(answer)]).toEqual([{ delivered: 1 }, true]);
      }
    }
    expect(this.done).toHaveLength(before);
  }
}

const KEYS = Array.from({ length: 30 }, (_, i) => `key ${i}`);

async function withNodes(count: number, limits?: Partial<typeof LIMITS>): Promise<World> {
  const world = new World(limits);
  await world.start(count);
  return world;
}

/** Keys that the first node has carried out. */
async function withKeys(count: number): Promise<World> {
  const world = await withNodes(count);
  await world.answered(Promise.all(KEYS.map((key) => world.ask(0, key))));
  expect(world.done).toHaveLength(KEYS.length);
  return world;
}

describe('an idempotency key in a cluster', () => {
  it('is carried out once, whichever nodes receive the repetitions', async () => {
    const world = await withKeys(4);
    await world.repeatAll(KEYS, [0, 1, 2, 3]);
  });

  it('is carried out once if all nodes receive the request at the same time', async () => {
    const world = await withNodes(4);
    world.takesMs = 500;
    const asked = KEYS.flatMap((key) => [0, 1, 2, 3].map((index) => world.ask(index, key)));
    const answers = await world.answered(Promise.all(asked));
    expect(answers.map(({ value }) => value)).toEqual(answers.map(() => ({ delivered: 1 })));
    expect([...world.done].sort()).toEqual([...KEYS].sort());
  });

  it('is refused at another node for another request', async () => {
    const world = await withKeys(3);
    const answer = await world.answered(world.ask(2, KEYS[0]!, {}, 'another digest'));
    expect(codeOf(answer)).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('is free again at all nodes if nothing was done', async () => {
    const world = await withNodes(3);
    const nothing = { error: { code: 'HR_ERR_BUS_DOWN', message: 'no' } };
    for (const index of [0, 1, 2]) await world.answered(world.ask(index, 'a', nothing));
    expect(await world.keys()).toEqual([]);
    expect((await world.answered(world.ask(1, 'a'))).value).toEqual({ delivered: 1 });
    expect(world.done).toHaveLength(4);
  });

  it('keeps its answer when all nodes leave or die, and others come later', async () => {
    const world = await withKeys(3);
    void world.apis[0]!.cluster.leave();
    for (const index of [1, 2]) world.kill(index);
    await world.nodes.pass(20_000);
    await world.start(2, 0);
    await world.repeatAll(KEYS, [3, 4]);
  });

  it('is not carried out again if its node ends before it has answered', async () => {
    const world = await withNodes(3);
    world.takesMs = 60_000;
    for (const key of KEYS) void world.ask(0, key);
    await world.nodes.pass(100);
    world.kill(0);
    await world.nodes.pass(1000);
    const answers = await world.answered(Promise.all(KEYS.map((key) => world.ask(1, key))));
    for (const answer of answers) expect(codeOf(answer)).toEqual([409, 'OUTCOME_UNKNOWN']);
    expect(world.done).toEqual([]);
  });

  it('has an unknown outcome for new nodes, too, if all nodes end before it is answered', async () => {
    const world = await withNodes(2);
    world.takesMs = 60_000;
    void world.ask(0, 'a');
    await world.nodes.pass(100);
    for (const index of [0, 1]) world.kill(index);
    await world.start(2, 0);
    const first = world.answered(world.ask(2, 'a'));
    expect(codeOf(await first)).toEqual([409, 'OUTCOME_UNKNOWN']);
    world.apis[2]!.cluster.leave().catch(() => {});
    await world.start(1, 0);
    expect(codeOf(await world.answered(world.ask(4, 'a'), 10))).toEqual([409, 'OUTCOME_UNKNOWN']);
    expect(world.done).toEqual([]);
  });

  it('is answered with 503 while the first request takes long, and not carried out', async () => {
    const world = await withNodes(2);
    world.takesMs = 60_000;
    void world.ask(0, 'a');
    await world.nodes.pass(100);
    expect(codeOf(await world.answered(world.ask(1, 'a')))).toEqual([503, 'STILL_RUNNING']);
    await world.nodes.pass(60_000);
    expect((await world.answered(world.ask(1, 'a'))).value).toEqual({ delivered: 1 });
    expect(world.done).toEqual(['a']);
  });

  it('is not carried out by a node that has just started, although it does not know the first node yet', async () => {
    const world = await withNodes(1, { idempotencyMs: 1000 });
    world.takesMs = 4000;
    const first = world.ask(0, 'a');
    await world.start(1, 0);
    expect((await world.answered(world.ask(1, 'a'))).value).toEqual({ delivered: 1 });
    expect((await first).value).toEqual({ delivered: 1 });
    expect(world.done).toEqual(['a']);
  });

  it('has the first answer again if its node was taken for gone, and lives', async () => {
    const world = await withNodes(2);
    world.takesMs = 20_000;
    const first = world.ask(0, 'a');
    await world.nodes.pass(100);
    const restore = world.silence(0);
    await world.nodes.pass(7000);
    expect(codeOf(await world.answered(world.ask(1, 'a')))).toEqual([409, 'OUTCOME_UNKNOWN']);
    restore();
    await world.answered(first);
    await world.repeatAll(['a'], [1]);
  });

  it.each([true, false])(
    'is taken back if the store does not answer a claim, whether it is stored: %s',
    async (isStored) => {
      const world = await withNodes(2);
      const lost = async (store: () => Promise<unknown>): Promise<unknown> => {
        if (isStored) await store();
        throw busDown();
      };
      world.next(0, lost, lost);
      const answer = await world.answered(world.ask(0, 'a'));
      expect(codeOf(answer)).toEqual([503, 'HR_ERR_BUS_DOWN']);
      expect(world.done).toEqual([]);
      await world.nodes.pass(1100);
      expect(await world.keys()).toEqual([]);
      expect((await world.answered(world.ask(1, 'a'))).value).toEqual({ delivered: 1 });
      expect(world.done).toEqual(['a']);
    },
  );

  it('is taken back even after the store has forgotten the id of the claim', async () => {
    const world = await withNodes(2);
    const lost = async (storing: () => Promise<unknown>): Promise<unknown> => {
      await storing();
      throw busDown();
    };
    world.next(0, lost, ...Array.from({ length: 200 }, () => () => Promise.reject(busDown())));
    await world.answered(world.ask(0, 'a'));
    await world.nodes.pass(190_000);
    expect(await world.keys()).toEqual(['a']);
    await world.nodes.pass(20_000);
    expect(await world.keys()).toEqual([]);
  });

  it('is not taken from a node that claimed it meanwhile', async () => {
    const world = await withNodes(2);
    world.next(0, () => Promise.reject(busDown()));
    world.takesMs = 100;
    const failed = world.ask(0, 'a');
    const first = world.ask(1, 'a');
    expect(codeOf(await world.answered(failed, 0))).toEqual([503, 'HR_ERR_BUS_DOWN']);
    await world.answered(first);
    await world.repeatAll(['a'], [0, 1]);
  });

  it('is kept although the store does not answer, whether the answer is stored', async () => {
    for (const isStored of [true, false]) {
      const world = await withNodes(2);
      world.next(
        0,
        (store) => store(),
        async (store) => {
          if (isStored) await store();
          throw busDown();
        },
      );
      await world.answered(world.ask(0, 'a'));
      await world.nodes.pass(2000);
      await world.repeatAll(['a'], [1]);
    }
  });

  it('is kept although the store has lost the claim', async () => {
    const world = await withNodes(2);
    const removed: StateWrite = {
      ...{ key: 'a', bytes: Buffer.alloc(0), isRemoval: true, expected: undefined, byteLength: 1 },
    };
    const stream = wireOf(world.apis[0]!.cluster).subjects.keys('a scope');
    world.takesMs = 1000;
    const first = world.ask(0, 'a');
    await world.nodes.pass(100);
    await world.apis[0]!.store.append(stream, 'x', removed);
    await world.answered(first);
    await world.repeatAll(['a'], [1]);
  });

  it('has no answer, and is not carried out again, if the answer is too long for the engine', async () => {
    const world = await withNodes(2);
    const long = { delivered: 1, text: 'x'.repeat(1_100_000) };
    expect((await world.answered(world.ask(0, 'a', long))).value).toEqual(long);
    expect(codeOf(await world.answered(world.ask(1, 'a')))).toEqual([409, 'OUTCOME_UNKNOWN']);
    expect(world.done).toEqual(['a']);
  });

  it('has no answer, and is not carried out again, if the answer is longer than all answers may be', async () => {
    const world = await withNodes(2, { maxIdempotencyBytes: 400 });
    const long = { delivered: 1, text: 'x'.repeat(300) };
    for (const key of ['a', 'b']) {
      expect((await world.answered(world.ask(0, key, long))).value).toEqual(long);
    }
    expect(codeOf(await world.answered(world.ask(1, 'b')))).toEqual([409, 'OUTCOME_UNKNOWN']);
    expect(world.done).toEqual(['a', 'b']);
  });

  it('has an unknown outcome if nobody can read what the store has of it', async () => {
    const world = await withKeys(2);
    const bytes = Buffer.from('{"digest":"a digest"}');
    const write = { key: 'a', bytes, isRemoval: false, expected: 0, byteLength: 22 };
    const stream = wireOf(world.apis[0]!.cluster).subjects.keys('a scope');
    await world.apis[0]!.store.append(stream, 'x', write);
    expect(codeOf(await world.answered(world.ask(1, 'a')))).toEqual([409, 'OUTCOME_UNKNOWN']);
    expect(world.done).not.toContain('a');
  });

  it('is carried out again after its time, and not while it is under way', async () => {
    const world = await withNodes(2, { idempotencyMs: 1000 });
    world.takesMs = 5000;
    await world.answered(Promise.all([world.ask(0, 'a'), world.ask(1, 'a')]));
    expect(world.done).toEqual(['a']);
    await world.nodes.pass(1000);
    await world.answered(Promise.all([world.ask(0, 'a'), world.ask(1, 'a')]));
    expect(world.done).toEqual(['a', 'a']);
  });

  it('leaves nothing in the store after its time, once another one comes', async () => {
    const world = await withKeys(2);
    await world.nodes.pass(LIMITS.idempotencyMs + 1);
    await world.answered(world.ask(1, 'new'));
    expect(await world.keys()).toEqual(['new']);
  });

  it('is forgotten above the number of keys if it was answered first, but not while it is under way', async () => {
    const world = await withNodes(2, { maxIdempotencyKeys: 3 });
    await world.answered(world.ask(0, 'a'));
    world.takesMs = 5000;
    const slow = world.ask(0, 'slow');
    await world.nodes.pass(10);
    world.takesMs = 0;
    for (const key of ['b', 'c', 'd']) await world.answered(world.ask(1, key));
    expect((await world.keys()).sort()).toEqual(['c', 'd', 'slow']);
    world.takesMs = 5000;
    const others = ['e', 'f'].map((key) => world.ask(1, key));
    await world.nodes.pass(10);
    expect(codeOf(await world.answered(world.ask(0, 'g')))).toEqual([503, 'BUSY']);
    await world.answered(Promise.all([slow, ...others]), 6000);
    expect(world.done.sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'slow']);
  });

  it('keeps the node in the cluster until its answer is stored', async () => {
    const world = await withNodes(2);
    const down = () => Promise.reject(busDown());
    world.next(0, (store) => store(), down, down);
    await world.answered(world.ask(0, 'a'), 10);
    let hasLeft = false;
    void world.apis[0]!.cluster.leave().then(() => {
      hasLeft = true;
    });
    await world.nodes.pass(1500);
    expect(hasLeft).toBe(false);
    await world.nodes.pass(1500);
    expect(hasLeft).toBe(true);
    await world.repeatAll(['a'], [1]);
  });

  it('is refused at once while the bus is down, or after the node has left', async () => {
    const world = await withNodes(3);
    Object.defineProperty(world.apis[0]!.cluster.parts.wire.bus, 'state', { value: 'down' });
    void world.apis[1]!.cluster.leave();
    await world.nodes.pass(5000);
    for (const index of [0, 1]) {
      const answer = world.ask(index, 'a');
      await world.nodes.pass(10);
      expect(codeOf(await answer)).toEqual([503, 'HR_ERR_BUS_DOWN']);
    }
    expect(world.done).toEqual([]);
  });
});

describe('an idempotency key on a bus without a store', () => {
  it('is kept by the only node with the API', async () => {
    const world = new World();
    await world.start(1, 0, false);
    await world.nodes.join({ bus: world.nodes.limitedBus(200_000) });
    await world.answered(world.ask(0, 'a'));
    await world.repeatAll(['a'], [0]);
  });

  it('is refused while several nodes have the API, with what to use', async () => {
    const world = new World();
    await world.start(1, 0, false);
    const first = world.ask(0, 'a');
    await world.start(1, 0, false);
    const answers = await world.answered(Promise.all([first, world.ask(1, 'a')]));
    for (const answer of answers) {
      expect(codeOf(answer)).toEqual([503, 'KEYS_NOT_SHARED']);
      const text = JSON.stringify(answer.value);
      for (const word of ['natsBus()', 'redisBus()', 'nothing was done'])
        expect(text).toContain(word);
    }
    expect(world.done).toEqual([]);
    void world.apis[1]!.cluster.leave();
    await world.nodes.pass(2000);
    expect((await world.answered(world.ask(0, 'a'))).status).toBe(200);
  });
});
