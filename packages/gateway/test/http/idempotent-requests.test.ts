// Idempotency keys on several nodes, without HTTP and in virtual time.
import type { Cluster } from '@headrace/cluster';
import type { NodeCommands } from '@headrace/cluster/authoring';
import { connectionsOf } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { Nodes } from '../../../cluster/test/nodes.ts';
import { type ApiAnswer, answerForError } from '../../src/http/api-error.ts';
import { IdempotentRequests } from '../../src/http/idempotent-requests.ts';

const LIMITS = {
  idempotencyMs: 600_000,
  maxIdempotencyKeys: 1000,
  maxIdempotencyBytes: 1_000_000,
};
const requestOf = (key: string, digest = 'a digest') => ({ scope: 'a scope', key, digest });
const isAgain = ({ headers }: ApiAnswer) => headers?.['idempotency-replayed'] === 'true';

class World {
  readonly nodes = new Nodes();
  readonly apis: { cluster: Cluster; requests: IdempotentRequests }[] = [];
  /** The requests that were carried out, in order. */
  readonly done: string[] = [];
  /** The time that a request takes. */
  takesMs = 0;

  async start(count: number, passMs = 3000): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const cluster = await this.nodes.join({ bus: this.nodes.limitedBus(200_000) });
      const { peers } = connectionsOf(cluster);
      const requests = new IdempotentRequests(peers, LIMITS, this.nodes.clock);
      this.apis.push({ cluster, requests });
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

  /** Its process hangs, or is killed: nothing of it reaches other nodes. */
  silence(index: number): void {
    this.apis[index]!.cluster.parts.wire.bus.publish = () => 'sent';
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

/** Keys that the first node has carried out. */
async function withKeys(count: number): Promise<World> {
  const world = new World();
  await world.start(count);
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
    const world = new World();
    await world.start(4);
    world.takesMs = 500;
    const asked = KEYS.flatMap((key) => [0, 1, 2, 3].map((index) => world.ask(index, key)));
    const answers = await world.answered(Promise.all(asked));
    expect(answers.map(({ value }) => value)).toEqual(answers.map(() => ({ delivered: 1 })));
    expect([...world.done].sort()).toEqual([...KEYS].sort());
  });

  it('is refused at another node for another request', async () => {
    const world = await withKeys(3);
    const { value } = await world.answered(world.ask(2, KEYS[0]!, {}, 'another digest'));
    expect(value).toMatchObject({ error: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  it('is free again at all nodes if nothing was done', async () => {
    const world = new World();
    await world.start(3);
    const nothing = { error: { code: 'HR_ERR_BUS_DOWN', message: 'no' } };
    for (const index of [0, 1, 2]) await world.answered(world.ask(index, 'a', nothing));
    expect((await world.answered(world.ask(1, 'a'))).value).toEqual({ delivered: 1 });
    expect(world.done).toHaveLength(4);
  });

  it('keeps its answer when nodes leave one after the other, and others come', async () => {
    const world = await withKeys(3);
    for (const index of [0, 1, 2]) {
      await world.start(1);
      void world.apis[index]!.cluster.leave();
      await world.nodes.pass(1000);
    }
    await world.repeatAll(KEYS, [3, 4, 5]);
  });

  it('keeps its answer when its nodes leave at once', async () => {
    const world = await withKeys(2);
    await world.start(2);
    for (const index of [0, 1]) void world.apis[index]!.cluster.leave();
    await world.nodes.pass(2000);
    await world.repeatAll(KEYS, [2, 3]);
  });

  it('keeps its answer when nodes die one after the other', async () => {
    const world = await withKeys(4);
    for (const index of [0, 1, 2]) {
      world.silence(index);
      await world.nodes.pass(7000);
    }
    await world.repeatAll(KEYS, [3]);
  });

  it('keeps its answer when several nodes start at the same moment', async () => {
    const world = await withKeys(2);
    await world.start(6, 0);
    await world.repeatAll(KEYS, [2, 5, 7]);
  });

  it('is not carried out again if its node ends before it has answered', async () => {
    const world = new World();
    await world.start(3);
    world.takesMs = 60_000;
    for (const key of KEYS) void world.ask(0, key);
    await world.nodes.pass(100);
    world.silence(0);
    await world.nodes.pass(1000);
    const answers = await world.answered(Promise.all(KEYS.map((key) => world.ask(1, key))));
    for (const { status, value } of answers) {
      expect([status, value]).toMatchObject([409, { error: { code: 'OUTCOME_UNKNOWN' } }]);
    }
    expect(world.done).toEqual([]);
  });

  it('is answered with 503 while the first request takes long, and not carried out', async () => {
    const world = new World();
    await world.start(2);
    world.takesMs = 60_000;
    void world.ask(0, 'a');
    await world.nodes.pass(100);
    const { status, value } = await world.answered(world.ask(1, 'a'));
    expect([status, value]).toMatchObject([503, { error: { code: 'STILL_RUNNING' } }]);
    await world.nodes.pass(60_000);
    expect((await world.answered(world.ask(1, 'a'))).value).toEqual({ delivered: 1 });
    expect(world.done).toEqual(['a']);
  });

  it('is carried out when a node that keeps it and does not answer is gone, not before', async () => {
    const world = new World();
    await world.start(2);
    world.silence(1);
    const asked = world.ask(0, 'a');
    await world.nodes.pass(4000);
    expect(world.done).toEqual([]);
    expect((await world.answered(asked)).status).toBe(200);
    expect(world.done).toEqual(['a']);
  });

  it('is answered with 503 if a node that keeps it never answers, and not carried out', async () => {
    const world = new World();
    await world.start(2);
    const { commands } = world.apis[0]!.requests['peers'] as unknown as { commands: NodeCommands };
    const { send } = commands;
    commands.send = (node, command, ms) =>
      node === world.apis[1]!.cluster.nodeId
        ? { outcome: Promise.resolve({ answers: new Map(), missing: [], isUncertain: false }) }
        : send.call(commands, node, command, ms);
    const { status, value } = await world.answered(world.ask(0, 'a'));
    expect([status, value]).toMatchObject([503, { error: { code: 'KEY_UNREACHABLE' } }]);
    commands.send = send;
    expect((await world.answered(world.ask(1, 'a'), 5000)).status).toBe(200);
    expect(world.done).toEqual(['a']);
  });

  it('is kept although a message with its answer is lost', async () => {
    const world = new World();
    await world.start(2);
    world.takesMs = 100;
    const asked = world.ask(0, 'a');
    await world.nodes.pass(50);
    const { bus } = world.apis[0]!.cluster.parts.wire;
    const { publish } = bus;
    bus.publish = () => 'sent';
    await world.answered(asked);
    bus.publish = publish;
    await world.nodes.pass(4000);
    world.apis[0]!.cluster.parts.wire.bus.publish = () => 'sent';
    await world.nodes.pass(7000);
    await world.repeatAll(['a'], [1]);
  });

  it('has no answer, and is not carried out again, if the answer is too long for the bus', async () => {
    const world = new World();
    await world.start(2);
    const long = { delivered: 1, text: 'x'.repeat(300_000) };
    expect((await world.answered(world.ask(0, 'a', long))).value).toEqual(long);
    const { value } = await world.answered(world.ask(1, 'a'));
    expect(value).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN' } });
    expect(world.done).toEqual(['a']);
  });

  it('waits until the nodes are known', async () => {
    const world = await withKeys(2);
    await world.start(1, 0);
    world.takesMs = 0;
    const asked = world.ask(2, 'new');
    await world.nodes.pass(1000);
    expect(world.done).not.toContain('new');
    await world.answered(asked);
    expect(world.done).toContain('new');
  });

  it('is not carried out again by a node that has just started, while it hears no other node', async () => {
    const world = new World();
    await world.start(1);
    await world.answered(world.ask(0, 'a'));
    const { bus } = world.apis[0]!.cluster.parts.wire;
    const publish = bus.publish.bind(bus);
    world.silence(0);
    await world.start(1, 0);
    const asked = world.ask(1, 'a', { delivered: 2 });
    await world.nodes.pass(4000);
    bus.publish = publish;
    const answer = await world.answered(asked);
    expect([answer.value, isAgain(answer)]).toEqual([{ delivered: 1 }, true]);
    expect(world.done).toEqual(['a']);
  });

  it('is not carried out again by a new node that does not know the nodes that have it', async () => {
    const world = await withKeys(3);
    const before = world.done.length;
    // They are cut off, and the third node knows them. The fourth has never heard them.
    const cut = [0, 1].map((index) => {
      const { bus } = world.apis[index]!.cluster.parts.wire;
      const publish = bus.publish.bind(bus);
      world.silence(index);
      return () => {
        bus.publish = publish;
      };
    });
    await world.start(1, 0);
    const asked = KEYS.map((key) => world.ask(3, key, { delivered: 2 }));
    await world.nodes.pass(4000);
    expect(world.done).toHaveLength(before);
    for (const restore of cut) restore();
    const answers = await world.answered(Promise.all(asked));
    expect(answers.every(isAgain)).toBe(true);
    expect(world.done).toHaveLength(before);
  });

  it('is not carried out if the nodes become unknown while it is claimed', async () => {
    const world = new World();
    await world.start(2);
    const { bus } = world.apis[0]!.cluster.parts.wire;
    let state = 'up';
    Object.defineProperty(bus, 'state', { get: () => state });
    const publish = bus.publish.bind(bus);
    bus.publish = (...message) => {
      const outcome = publish(...message);
      state = 'down';
      return outcome;
    };
    const asked = world.ask(0, 'a');
    const { status, value } = await world.answered(asked);
    expect([status, value]).toMatchObject([503, { error: { code: 'HR_ERR_BUS_DOWN' } }]);
    expect(world.done).toEqual([]);
    bus.publish = publish;
    state = 'up';
    expect((await world.answered(world.ask(1, 'a'))).value).toEqual({ delivered: 1 });
  });

  it('is refused at once while the bus is down', async () => {
    const world = new World();
    await world.start(2);
    const { bus } = world.apis[0]!.cluster.parts.wire;
    Object.defineProperty(bus, 'state', { value: 'down' });
    const { status, value } = await world.answered(world.ask(0, 'a'));
    expect([status, value]).toMatchObject([503, { error: { code: 'HR_ERR_BUS_DOWN' } }]);
    expect(world.done).toEqual([]);
  });
});
