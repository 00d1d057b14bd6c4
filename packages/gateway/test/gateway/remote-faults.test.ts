import { BUS_ERRORS } from '@headrace/bus';
import { commandsOf } from '@headrace/cluster/authoring';
import { EncodeError, isHeadraceError, TimedOutError } from '@headrace/core';
import { connectionsOf, GATEWAY_ERRORS } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { sent } from '../../../cluster/test/nodes.ts';
import { world } from './remote-world.ts';

type World = Awaited<ReturnType<typeof world>>;

/** The error of a call. */
async function failureOf({ nodes }: World, promise: Promise<unknown>, ms = 50): Promise<unknown> {
  const failure = promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  await nodes.pass(ms);
  return await failure;
}

/** A node whose commands reach nobody. */
function silence({ fronts }: World, index: number): void {
  const { bus } = fronts[index]!.parts.wire;
  const publish = bus.publish.bind(bus);
  bus.publish = (subject, bytes) => (bytes[3] === 7 ? 'sent' : publish(subject, bytes));
}

describe('connectionsOf, when something fails', () => {
  it('logs a command that fails at a gateway, and the call rejects with its cause', async () => {
    const there = await world();
    const { nodes, fronts, ids, of } = there;
    fronts[0]!.users.bind = () => {
      throw new Error('boom');
    };
    const failure = await failureOf(there, of.bind({ all: true }, 'ann'));
    expect(isHeadraceError(failure, GATEWAY_ERRORS.GATEWAY_FAILED)).toBe(true);
    expect(String(failure)).toMatch(/boom/);
    expect((failure as TimedOutError).details).toEqual({ gateways: fronts[0]!.nodeId, count: 1 });
    expect(nodes.lines.filter((line) => /bind/.test(line))).toHaveLength(1);
    // The gateway carries out later ones.
    expect(await there.given(of.join({ connection: ids[0]! }, 'room'))).toBe(1);
  });

  it('says the same of a gateway on its own node, and no task of the clock throws', async () => {
    const there = await world();
    const { nodes, fronts, ids } = there;
    fronts[0]!.users.bind = () => {
      throw new Error('boom');
    };
    const own = connectionsOf(fronts[0]!);
    const failure = await failureOf(there, own.bind({ connection: ids[0]! }, 'ann'));
    expect(isHeadraceError(failure, GATEWAY_ERRORS.GATEWAY_FAILED)).toBe(true);
    expect(nodes.lines.filter((line) => /bind/.test(line))).toHaveLength(1);
  });

  it('rejects when a gateway does not answer in time, with what the others answered', async () => {
    const there = await world();
    const { fronts, ids, of } = there;
    silence(there, 1);
    for (const call of [() => of.send({ all: true }, 'hi'), () => of.count({ all: true })]) {
      const failure = await failureOf(there, call(), 2500);
      expect(failure).toBeInstanceOf(TimedOutError);
      expect((failure as TimedOutError).details).toEqual({
        gateways: fronts[1]!.nodeId,
        count: 1,
        timeoutMs: 2000,
        sent: true,
      });
    }
    expect(await failureOf(there, of.list({ all: true }), 2500)).toBeInstanceOf(TimedOutError);
    const one = await failureOf(there, of.send({ connection: ids[1]! }, 'hi'), 2500);
    expect(one).toBeInstanceOf(TimedOutError);
  });

  it('says that a command was sent when the bus goes down after it, before the gateways are known', async () => {
    const there = await world();
    const { nodes, channels } = there;
    const late = await nodes.join();
    expect(late.parts.presence.isSure).toBe(false);
    const sending = connectionsOf(late).send({ all: true }, 'hi');
    await nodes.pass(50);
    nodes.hub.kill();
    const failure = await failureOf(there, sending, 5000);
    expect(channels.map(sent)).toEqual([['hi'], ['hi']]);
    expect(late.parts.wire.bus.state).toBe('down');
    expect(failure).toBeInstanceOf(TimedOutError);
    expect((failure as TimedOutError).details).toMatchObject({ count: 2, sent: true });
  });

  it('refuses a command that names no connections', async () => {
    const there = await world();
    const { back, channels } = there;
    const commands = commandsOf(back);
    const targets = [{}, { group: '' }, { users: 'ann' }, { ids: 1 }, { all: 'yes' }];
    for (const target of targets) {
      const outcome = commands.send(undefined, { op: 'close', ...target }, 2000);
      const { answers } = await there.given(outcome);
      expect([...answers.values()].map(({ failure }) => failure !== undefined)).toEqual([
        true,
        true,
      ]);
    }
    expect(channels.map(({ isOpen }) => isOpen)).toEqual([true, true]);
    expect(await there.given(there.of.close({ all: true }))).toBe(2);
  });

  it('names all gateways that failed or did not answer', async () => {
    const there = await world();
    const { fronts, of } = there;
    silence(there, 1);
    fronts[0]!.users.bind = () => {
      throw new Error('boom');
    };
    const failure = await failureOf(there, of.bind({ all: true }, 'ann'), 2500);
    expect(isHeadraceError(failure, GATEWAY_ERRORS.GATEWAY_FAILED)).toBe(true);
    const gateways = `${fronts[0]!.nodeId} ${fronts[1]!.nodeId}`;
    expect((failure as TimedOutError).details).toEqual({ gateways, count: 0 });
  });

  it('waits no longer for a gateway that has left, and its connections do not count', async () => {
    const there = await world();
    const { nodes, fronts, of } = there;
    silence(there, 1);
    const counting = of.count({ all: true });
    await nodes.pass(100);
    void fronts[1]!.leave();
    expect(await there.given(counting, 500)).toBe(1);
  });

  it('rejects at once while the bus is down, save for a connection of its own node', async () => {
    const there = await world();
    const { nodes, fronts, channels, ids, of } = there;
    nodes.hub.stop();
    await nodes.pass(4000);
    const calls = [of.send({ connection: ids[0]! }, 'hi'), of.list({ all: true })];
    for (const call of calls) {
      const failure = await failureOf(there, call, 0);
      expect(isHeadraceError(failure, BUS_ERRORS.BUS_DOWN)).toBe(true);
      expect((failure as TimedOutError).details).toEqual({ bus: 'memory:', sent: false });
    }
    const own = connectionsOf(fronts[0]!);
    const all = await failureOf(there, own.send({ all: true }, 'all'), 0);
    expect(isHeadraceError(all, BUS_ERRORS.BUS_DOWN)).toBe(true);
    expect(await there.given(own.send({ connection: ids[0]! }, 'one'))).toBe(1);
    expect(channels.map(sent)).toEqual([['one'], []]);
  });

  it('may be ignored: a call that the network fails is not an unhandled rejection', async () => {
    const { nodes, of } = await world();
    nodes.hub.stop();
    await nodes.pass(4000);
    void of.send({ all: true }, 'hi');
    await nodes.pass(50);
    expect(nodes.lines.filter((line) => /commands? about connections/.test(line))).toEqual([]);
  });

  it('refuses messages that JSON does not carry as they are', async () => {
    const there = await world();
    const { channels, of } = there;
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const wrong = [[new Uint8Array(2)], { a: Buffer.from('x') }, new Map(), [new Date(0)], null];
    for (const message of [...wrong, { n: Number.NaN }, [undefined], cycle, () => {}, 1n]) {
      const failure = await failureOf(there, of.send({ all: true }, message as never), 0);
      expect(isHeadraceError(failure, 'MESSAGE_NOT_ENCODABLE')).toBe(true);
    }
    expect(String(await failureOf(there, of.send({ all: true }, wrong[0] as never), 0))).toMatch(
      /bytes/,
    );
    expect(await there.given(of.send({ all: true }, { a: [1, null, { b: 'c' }] }))).toBe(2);
    expect(channels.map(sent)).toEqual([
      [{ a: [1, null, { b: 'c' }] }],
      [{ a: [1, null, { b: 'c' }] }],
    ]);
  });

  it('refuses a session that is not an object or takes more than 64 KiB, whole or after an update', async () => {
    const there = await world();
    const { ids, of } = there;
    const connection = ids[0]!;
    const text = 'x'.repeat(40_000);
    expect(await there.given(of.setSession({ connection }, { a: text }))).toBe(1);
    const failures = [
      await failureOf(there, of.setSession({ connection }, { b: text, c: text }), 0),
      await failureOf(there, of.updateSession({ connection }, { b: text })),
    ];
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(EncodeError);
      expect(isHeadraceError(failure, 'MESSAGE_TOO_LONG')).toBe(true);
    }
    expect(there.nodes.lines.filter((line) => /^error/.test(line))).toEqual([]);
    const [info] = await there.given(of.list({ connection }));
    expect(Object.keys(info!.session)).toEqual(['a']);
    await expect(of.setSession({ connection }, [1] as never)).rejects.toThrow(/session/);
  });
});

describe('connectionsOf, with many connections', () => {
  it('counts connections', async () => {
    const { ids, given, of } = await world();
    expect(await given(of.count({ all: true }))).toBe(2);
    expect(await given(of.count({ connection: ids[0]! }))).toBe(1);
    expect(await given(of.count({ group: 'room' }))).toBe(0);
  });

  it('lists more than fits into one message, each connection once', async () => {
    const there = await world();
    const { given, of } = there;
    for (let index = 0; index < 40; index += 1) await there.connect(index % 2);
    await given(of.setSession({ all: true }, { text: 'x'.repeat(60_000) }));
    let largest = 0;
    for (const { parts } of there.fronts) {
      const { bus } = parts.wire;
      const publish = bus.publish.bind(bus);
      bus.publish = (subject, bytes) => {
        largest = Math.max(largest, bytes.byteLength);
        return publish(subject, bytes);
      };
    }
    const all = await given(of.list({ all: true }), 1000);
    expect(new Set(all.map(({ id }) => id)).size).toBe(42);
    expect(all).toHaveLength(42);
    expect(largest).toBeGreaterThan(100_000);
    expect(largest).toBeLessThan(300_000);
  });

  it('lists those of a gateway that is there to the last page alone', async () => {
    const there = await world();
    for (let index = 0; index < 20; index += 1) await there.connect(1);
    await there.given(there.of.setSession({ all: true }, { text: 'x'.repeat(60_000) }));
    const listing = there.of.list({ all: true });
    void there.fronts[1]!.leave();
    expect((await there.given(listing, 500)).length).toBeLessThan(21);
  });

  it('reaches groups and users that handlers at the gateway made', async () => {
    const { fronts, channels, ids, given, of } = await world();
    fronts[0]!.group('room').add(channels[0]!);
    fronts[1]!.users.bind('ann', channels[1]!);
    expect(await given(of.list({ group: 'room' }))).toEqual([
      { id: ids[0], users: [], groups: ['room'], session: {} },
    ]);
    expect(await given(of.list({ user: 'ann' }))).toEqual([
      { id: ids[1], users: ['ann'], groups: [], session: {} },
    ]);
    expect(await given(of.send({ group: 'room' }, 'hi'))).toBe(1);
    expect(await given(of.leave({ all: true }, 'room'))).toBe(2);
    expect(fronts[0]!.group('room').size).toBe(0);
  });

  it('makes no group for a question', async () => {
    const { fronts, given, of } = await world();
    await given(of.send({ group: 'typo' }, 'hi'));
    await given(of.leave({ all: true }, 'typo'));
    expect(fronts[0]!.knownGroup('typo')).toBeUndefined();
  });

  it('gives a worker the connections of a gateway back that it took for gone', async () => {
    const { nodes, fronts, ids } = await world();
    const { directory } = fronts[0]!.parts;
    const { announce } = directory;
    const [first, second] = ids;
    // It hears the others, and is not heard.
    directory.announce = () => {};
    await nodes.pass(6000);
    expect(ids).toEqual([first, second]);
    directory.announce = announce;
    await nodes.pass(1100);
    expect(ids).toEqual([first, second, first]);
  });
});
