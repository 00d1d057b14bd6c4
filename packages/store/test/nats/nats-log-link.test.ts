import { Buffer } from 'node:buffer';
import { NatsInbox } from '@headrace/bus/nats';
import { passTime, VirtualClock } from '@headrace/core/testing';
import type { StreamConfig } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { EmptiedStates } from '../../src/nats/emptied-states.ts';
import { NatsCopies } from '../../src/nats/nats-copies.ts';
import { NatsJetStream } from '../../src/nats/nats-jet-stream.ts';
import { NatsLogLink } from '../../src/nats/nats-log-link.ts';
import { commonOf, epochOf, NatsStore, type NatsStoreOptions } from '../../src/nats/nats-store.ts';
import { StreamMemory } from '../../src/nats/stream-memory.ts';

const STREAM = 'hr.papp.d.proom';
const LIMITS = { messages: 10, ageMs: 60_000 };

/** A link whose JetStream answers when the test says so; the place of the stream is known. */
function linkOf() {
  const clock = new VirtualClock();
  const replies: string[] = [];
  let answered: (error: null, message: Msg) => void = () => {};
  const connection = {
    isClosed: () => false,
    info: { max_payload: 65_536 },
    publish: (_subject: string, _bytes: Uint8Array, { reply }: { reply: string }) =>
      void replies.push(reply),
    subscribe: (_subject: string, { callback }: { callback: typeof answered }) => {
      answered = callback;
      return { isClosed: () => false, unsubscribe: () => {} };
    },
  } as never;
  const peer = { createInbox: () => '_INBOX.x', headers: () => new Map() } as never;
  const inbox = new NatsInbox(connection, peer, undefined);
  const lost: Error[] = [];
  const lose = (cause: Error) => void lost.push(cause);
  const store = {
    ...{ name: 'hr_papp', epoch: 'e', doubt: () => {}, isSame: async () => true },
    ...{ saw: () => {}, sawCopy: () => {} },
  };
  const warn = () => {};
  const memories = new Map();
  const link = new NatsLogLink({
    jetStream: new NatsJetStream({ connection, peer, inbox, clock }),
    copies: new NatsCopies({ connection, clock, lose }),
    ...{ connection, peer, inbox, lose, replicas: 1, memories, clock, warn },
    emptied: new EmptiedStates(),
  });
  const known = link as unknown as { groups: Map<string, object> };
  known.groups.set(STREAM, { store, token: 'proom' });
  const answer = (reply: string, seq: number) =>
    answered(null, { subject: reply, json: () => ({ seq }) } as Msg);
  const reply = (to: string, json: object) =>
    answered(null, { subject: to, json: () => json } as Msg);
  const refuse = (reply: string) =>
    answered(null, { subject: reply, headers: { code: 503 } } as never);
  const { expected } = inbox as unknown as { expected: Map<number, unknown> };
  /** The live copy of a stored message. */
  const republish = (sequence: number, previous: number) => {
    const headers = { 'Nats-Sequence': sequence, 'Nats-Last-Sequence': previous };
    const all = new Map<string, unknown>([
      ...Object.entries(headers),
      ['Nats-Msg-Id', `proom/p${sequence}`],
    ]);
    answered(null, { headers: all, data: Buffer.alloc(1) } as never);
  };
  return { clock, link, replies, answer, reply, refuse, expected, lost, store, known, republish };
}

function optionsOf(clock: VirtualClock, memory = new StreamMemory()): NatsStoreOptions {
  const [warn, announce] = [() => {}, () => {}];
  const names = { name: 'hr_papp', subjects: 'hr.papp.d.>', copies: 'hr.papp.l.>' };
  const rest = { groups: 'durable groups', replicas: undefined };
  return { ...names, ...rest, memory, warn, announce, randomText: () => 'again', clock };
}

/** What a follower of {@link linkOf} gets of these pairs of a sequence and the one before it. */
async function follow(world: ReturnType<typeof linkOf>, ...pairs: readonly [number, number][]) {
  const got: number[] = [];
  const following = world.link.follow(STREAM, ({ position }) => void got.push(position.offset));
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  for (const [sequence, previous] of pairs) world.republish(sequence, previous);
  return { got, following };
}

describe('NatsLogLink', () => {
  it('forgets an append that JetStream does not answer, and keeps no timer for one that it does', async () => {
    const { clock, link, replies, answer, expected } = linkOf();
    const stored = link.append(STREAM, 'a', Buffer.from('a'));
    answer(replies[0]!, 7);
    expect(await stored).toEqual({ epoch: 'e', offset: 7 });
    expect(clock.pendingTimers).toBe(0);
    const lost = link.append(STREAM, 'b', Buffer.from('b'));
    lost.catch(() => {});
    clock.advance(9999);
    expect(expected.size).toBe(1);
    clock.advance(1);
    expect(expected.size).toBe(0);
    await expect(lost).rejects.toThrow('JetStream has not answered for 10000 ms');
    answer(replies[1]!, 8);
  });

  it('fails a message that the server never takes at once, without sending it', async () => {
    const { clock, link, replies, answer } = linkOf();
    const tooLong = link.append(STREAM, 'a', Buffer.alloc(65_536));
    await expect(tooLong).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
    expect([replies.length, clock.pendingTimers]).toEqual([0, 0]);
    const fits = link.append(STREAM, 'b', Buffer.alloc(65_000));
    answer(replies[0]!, 7);
    expect((await fits).offset).toBe(7);
  });

  it('fails a message that the stream never takes at once', async () => {
    const { link, replies, reply } = linkOf();
    const tooLong = link.append(STREAM, 'a', Buffer.alloc(10));
    reply(replies[0]!, { error: { err_code: 10_054, description: 'message size exceeds' } });
    await expect(tooLong).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
  });

  it('puts right copies that the server gives in another order, and keeps the link', async () => {
    const world = linkOf();
    const { got } = await follow(world, [5, 4], [8, 7], [9, 8], [7, 5], [12, 9]);
    expect(got).toEqual([5, 7, 8, 9, 12]);
    await Promise.resolve();
    await Promise.resolve();
    // It asks the server no more for a second.
    expect([world.lost, world.clock.pendingTimers]).toEqual([[], 1]);
  });

  it('waits 50 ms for a copy that is missing, and gives it late when it comes after that', async () => {
    const world = linkOf();
    const { got, following } = await follow(world, [5, 4], [9, 8], [8, 7]);
    world.clock.advance(49);
    expect(got).toEqual([5]);
    world.clock.advance(1);
    expect(got).toEqual([5, 8, 9]);
    world.republish(7, 5);
    world.republish(12, 11);
    following.close();
    world.clock.advance(50);
    // The one until the server is asked again whose stream this is.
    expect([got, world.clock.pendingTimers]).toEqual([[5, 8, 9, 7], 1]);
  });

  it('gives what comes behind a copy with an invented number, and puts it right again', async () => {
    const world = linkOf();
    const { got } = await follow(world, [5, 4], [4e15, 1], [7, 5], [8, 7], [10, 9], [9, 8]);
    expect(got).toEqual([5, 4e15, 7, 8, 9, 10]);
  });

  it('reads what came while the process stood still before it gives a missing copy up', async () => {
    const world = linkOf();
    const { clock } = world;
    const turns: (() => void)[] = [];
    clock.nextTurn = (task) => void turns.push(task);
    const { got } = await follow(world, [5, 4], [8, 7]);
    clock.advance(50);
    world.republish(7, 5);
    // This one waits a time of its own.
    world.republish(12, 11);
    for (const turn of turns.splice(0)) turn();
    expect(got).toEqual([5, 7, 8]);
    clock.advance(50);
    for (const turn of turns.splice(0)) turn();
    expect(got).toEqual([5, 7, 8, 12]);
  });

  it('lets at most 64 copies wait', async () => {
    const world = linkOf();
    const pairs = Array.from({ length: 65 }, (_, i): [number, number] => [i + 10, i + 9]);
    const { got } = await follow(world, [5, 4], ...pairs.slice(0, 64));
    expect(got).toEqual([5]);
    world.republish(74, 73);
    expect(got).toHaveLength(66);
  });

  it('is lost after a lower number only if the server says that the stream is another one', async () => {
    const world = linkOf();
    let answer: (isSame: boolean) => void = () => {};
    let asked = 0;
    world.store.isSame = () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    await follow(world, [5, 4], [1, 0], [2, 1]);
    expect([asked, world.lost]).toEqual([1, []]);
    answer(false);
    await Promise.resolve();
    await Promise.resolve();
    expect(world.lost.map(String)).toEqual([
      'Error: the JetStream stream hr_papp was made again, or has lost messages',
    ]);
  });

  it('asks once a second at most, and once more if a lower number came meanwhile', async () => {
    const world = linkOf();
    let asked = 0;
    world.store.isSame = async () => {
      asked += 1;
      return true;
    };
    await follow(world, [500, 499]);
    for (let sequence = 1; sequence < 400; sequence++) {
      world.republish(sequence, sequence - 1);
      await Promise.resolve();
      world.clock.advance(10);
    }
    expect(asked).toBe(4);
    world.clock.advance(1000);
    expect([asked, world.clock.pendingTimers]).toEqual([5, 1]);
    world.clock.advance(1000);
    expect([asked, world.clock.pendingTimers]).toEqual([5, 0]);
  });

  it('is lost when a stream that was gone is opened again, also by a node that appends to it', async () => {
    const world = linkOf();
    let made = 1;
    const manager = {
      streams: {
        info: () => Promise.reject(Object.assign(new Error('not found'), { code: 10059 })),
        add: async (config: object) => ({ created: `epoch ${made}`, config }),
      },
    };
    const store = new NatsStore(manager as never, optionsOf(world.clock));
    world.known.groups.set(STREAM, { store, token: 'proom' });
    await world.link.open(STREAM, LIMITS);
    await world.link.open(STREAM, LIMITS);
    const { got } = await follow(world, [5000, 4999]);
    const refused = world.link.append(STREAM, 'a', Buffer.from('a'));
    world.refuse(world.replies[0]!);
    await expect(refused).rejects.toThrow(
      'JetStream is not available: enable it in the NATS server',
    );
    expect([got, world.lost]).toEqual([[5000], []]);
    made = 2;
    await world.link.open(STREAM, LIMITS);
    expect(world.lost.map(String)).toEqual([
      'Error: the JetStream stream hr_papp was made again, or has lost messages',
    ]);
    expect(store.epoch).toBe('epoch 1');
  });
});

describe('a JetStream stream that has lost its newest messages', () => {
  let clock: VirtualClock;
  let memory: StreamMemory;
  /** The ids of the stored messages; the first has the number 1. */
  let ids: string[];
  let config: { description?: string; num_replicas?: number };
  let lines: string[];
  let announced: number;
  let created: string;

  beforeEach(() => {
    clock = new VirtualClock();
    memory = new StreamMemory();
    ids = Array.from({ length: 30 }, (_, at) => `old ${at + 1}`);
    config = {};
    lines = [];
    announced = 0;
    created = '2026-01-01T10:00:00Z';
  });

  const info = () => ({ created, config, state: { last_seq: ids.length } });
  const streams = {
    info: async () => info(),
    add: async () => info(),
    update: async (_name: string, change: { description?: string; num_replicas?: number }) => {
      if (change.num_replicas === 5) throw new Error('no suitable peers');
      config = change;
      return info();
    },
    getMessage: async (_name: string, { seq }: { seq: number }) => {
      const id = ids[seq - 1];
      return id === undefined || id === 'trimmed'
        ? null
        : { header: new Map([['Nats-Msg-Id', id]]) };
    },
  };
  /** The store of a new link. */
  const open = async (own = memory): Promise<NatsStore> => {
    const store = new NatsStore({ streams } as never, {
      ...optionsOf(clock, own),
      warn: (text) => void lines.push(text),
      announce: () => {
        announced += 1;
      },
    });
    config = { ...store['configFor'](LIMITS), ...config };
    expect(await store.open(LIMITS)).toBe(true);
    return store;
  };
  const seeAll = (store: NatsStore) => {
    for (const [at, id] of ids.entries()) store.saw(at + 1, id);
  };

  it.each([
    ['and has no new ones', 10, 0, 10],
    ['and has fewer new ones', 10, 5, 10],
    ['and has more new ones', 10, 50, 10],
    ['and has none left', 0, 0, 0],
  ])('%s has another epoch, which begins after what is left', async (_how, left, fresh, since) => {
    seeAll(await open());
    const before = epochOf(info() as never);
    ids = [...ids.slice(0, left), ...Array.from({ length: fresh }, (_, at) => `new ${at}`)];
    const store = await open();
    expect(store.epoch).toBe(`${before}-again`);
    expect(config.description).toBe(`headrace-epoch=${since}.again`);
    expect([lines.length, announced]).toEqual([1, 1]);
    expect(commonOf(info() as never)).toEqual({ base: before, offset: since });
    // Once is enough.
    await open();
    expect(announced).toBe(1);
  });

  it('is not one that a server makes at this moment, which has no time of creation yet', async () => {
    created = '0001-01-01T00:00:00Z';
    const opening = open();
    await passTime(clock, 30);
    created = '2026-01-01T10:00:00Z';
    await passTime(clock, 30);
    const store = await opening;
    expect([store.epoch, await store.isSame()]).toEqual([epochOf(info() as never), true]);
  });

  it('is noticed over a link that stands, and then by a node that has seen less', async () => {
    const store = await open();
    const other = await open(new StreamMemory());
    seeAll(store);
    expect([await store.isSame(), await other.isSame()]).toEqual([true, true]);
    ids.length = 10;
    expect([await store.isSame(), await other.isSame()]).toEqual([false, true]);
    await open();
    expect(await other.isSame()).toBe(false);
  });

  it('has replicas, whose new leader has a moment to know everything that it has', async () => {
    seeAll(await open());
    const all = ids;
    config = { ...config, num_replicas: 3 };
    const before = epochOf(info() as never);
    const openWithin = async (ms: number) => {
      const opening = open();
      await passTime(clock, ms);
      return await opening;
    };
    ids = all.slice(0, 10);
    clock.schedule(() => {
      ids = all;
    }, 4500);
    expect((await openWithin(5000)).epoch).toBe(before);
    expect(lines).toEqual([]);
    ids = all.slice(0, 10);
    expect((await openWithin(5000)).epoch).toBe(`${before}-again`);
    // What has taken the place of a lost message is no matter of time.
    config = { num_replicas: 3 };
    seeAll(await open());
    ids = ids.map((id) => `not ${id}`);
    expect((await open()).epoch).toBe(`${before}-again`);
  });

  it('keeps its epoch if it has lost nothing, or its limits have removed what was seen', async () => {
    seeAll(await open());
    const before = epochOf(info() as never);
    ids.push('next');
    expect((await open()).epoch).toBe(before);
    ids.fill('trimmed', 0, 30);
    expect((await open()).epoch).toBe(before);
    expect([lines, announced]).toEqual([[], 0]);
  });

  it('is not taken for one by a group that is opened after later messages', async () => {
    const store = await open();
    seeAll(store);
    ids.push('later');
    seeAll(store);
    expect(await store.open(LIMITS)).toBe(true);
    // The message is seen while the server answers.
    vi.spyOn(streams, 'info').mockImplementationOnce(async () => {
      const before = info();
      ids.push('meanwhile');
      seeAll(store);
      return before;
    });
    expect(await store.isSame()).toBe(true);
    expect([lines, announced]).toEqual([[], 0]);
  });

  it('keeps the limits that another node has raised since', async () => {
    const store = await open();
    config = { ...config, ...store['configFor']({ messages: 10, ageMs: 120_000 }) };
    await store.open({ messages: 20, ageMs: 60_000 });
    expect(config).toMatchObject({ max_msgs_per_subject: 20, max_age: 120_000e6 });
  });

  it('keeps the earliest loss, and the words of its description', async () => {
    config = { description: 'of the chat' };
    for (const left of [10, 20]) {
      ids = Array.from({ length: 30 }, (_, at) => `${left} ${at}`);
      const store = await open();
      seeAll(store);
      ids.length = left;
      await open();
    }
    expect(config.description).toBe('of the chat headrace-epoch=10.again');
  });

  it.each([
    [3, 1, 3, /has 1 replicas, and this node wants 3: they were added/],
    [1, 3, 3, /has 3 replicas, and this node wants 1: replicas are never lowered/],
    [undefined, 3, 3, undefined],
    [5, 3, 3, /has 3 replicas, and this node wants 5: no suitable peers/],
  ])('of a node that wants %s replicas, with %i, has %i', async (replicas, present, then, line) => {
    Object.assign(config, { num_replicas: present });
    for (let link = 0; link < 2; link += 1) {
      const store = new NatsStore({ streams } as never, {
        ...optionsOf(clock, memory),
        replicas,
        warn: (text) => void lines.push(text),
      });
      config = { ...store['configFor'](LIMITS), ...config };
      expect(await store.open(LIMITS)).toBe(true);
    }
    expect(config).toMatchObject({ num_replicas: then });
    expect(lines).toEqual(line === undefined ? [] : [expect.stringMatching(line)]);
  });

  it('is not taken for one because of a copy that somebody forged', async () => {
    const store = await open();
    seeAll(store);
    store.sawCopy(4e15, 'forged');
    await passTime(clock, 1000);
    store.sawCopy(30, 'old 30');
    await passTime(clock, 1000);
    expect(await store.isSame()).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is noticed by a node that has only seen copies', async () => {
    const store = await open();
    store.sawCopy(20, 'old 20');
    await passTime(clock, 1000);
    ids.length = 10;
    expect(await store.isSame()).toBe(false);
  });
});

describe('the memory of a stream', () => {
  it('finds the last message that is left with few questions, however much was lost', async () => {
    for (const kept of [0, 1, 50, 9_000, 9_990, 9_999]) {
      const memory = new StreamMemory();
      for (let at = 1; at <= 10_000; at += 1) memory.saw('e', at, String(at));
      let asked = 0;
      const found = await memory.lastKept('e', async ({ sequence }) => {
        asked += 1;
        return sequence <= kept ? 'same' : 'other';
      });
      expect(found).toBeLessThanOrEqual(kept);
      if (kept > 9_950) expect(found).toBe(kept);
      if (kept > 100) expect(found! > kept - 100).toBe(true);
      expect(asked).toBeLessThan(12);
    }
  });
});

describe('a JetStream stream of another program', () => {
  /** Opens a stream that was made with these settings, and returns the settings that it has then. */
  const opened = async (change: Partial<StreamConfig>): Promise<Partial<StreamConfig>> => {
    let config: Partial<StreamConfig> = {};
    const info = async () => ({ created: '2026', config, state: { last_seq: 0 } });
    const update = async (_name: string, next: Partial<StreamConfig>) => {
      config = next;
    };
    const store = new NatsStore(
      { streams: { info, update } } as never,
      optionsOf(new VirtualClock()),
    );
    config = { ...store['configFor'](LIMITS), ...change };
    await store.open(LIMITS);
    return config;
  };

  it.each([
    [{ subjects: ['orders.>'] }, 'is not of durable groups: it stores orders.>, not hr.papp.d.>'],
    [{ subjects: undefined }, 'is not of durable groups: it stores undefined'],
    [{ retention: 'workqueue' }, 'has the retention workqueue: it must be limits'],
    [{ republish: { src: '', dest: 'a.>' } }, 'is republished to a.>: it must be hr.papp.l.>'],
  ])('that is of no use is refused, and not changed: %o', async (change, text) => {
    await expect(opened(change as never)).rejects.toThrow(text);
  });

  it.each([{ republish: undefined }, { no_ack: true }])(
    'gets what durable groups need: %o',
    async (change) => {
      const { republish, no_ack } = await opened(change as never);
      expect([republish?.dest, no_ack]).toEqual(['hr.papp.l.>', false]);
    },
  );
});
