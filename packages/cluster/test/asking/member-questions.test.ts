import type { Cluster } from '@headrace/cluster';
import type { HeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { ExchangeHandler, type JsonRpcExchange, jsonRpcExchange } from '@headrace/rpc';
import { describe, expect, it, vi } from 'vitest';
import type { ClusterAnswer } from '../../src/asking/member-question.ts';
import { KIND } from '../../src/envelope/envelope.ts';
import { Nodes, sent } from '../nodes.ts';

const PING = { method: 'ping' };
const format = jsonRpcExchange();

/** Two nodes with members, whose peers the test plays. */
class World {
  readonly nodes = new Nodes();
  readonly members = new Map<string, EmbeddedChannel>();
  readonly got: string[] = [];
  a!: Cluster;
  b!: Cluster;

  static async of(here: number, there: number): Promise<World> {
    const world = new World();
    world.a = await world.nodes.join();
    world.b = await world.nodes.join();
    await world.nodes.pass(1000);
    for (let i = 0; i < here; i += 1) world.add(world.a, `a${i}`);
    for (let i = 0; i < there; i += 1) world.add(world.b, `b${i}`);
    await world.nodes.pass(200);
    return world;
  }

  add(cluster: Cluster, id: string): void {
    const { clock } = this.nodes;
    const channel = EmbeddedChannel.with({ clock, id }, new ExchangeHandler({ format }));
    this.members.set(id, channel as EmbeddedChannel);
    cluster.group('room').add(channel);
  }

  /** Asks from the first node, and takes the answers in a loop. */
  ask(options = {}) {
    const answers = this.a.group('room').request<JsonRpcExchange>(PING, options);
    const done = (async () => {
      for await (const one of answers) this.got.push(this.told(one));
      this.got.push('end');
    })();
    return { answers, done };
  }

  methods(id: string): string[] {
    return sent(this.members.get(id)!).map((message) => (message as { method: string }).method);
  }

  async answer(id: string, result: unknown = `re:${id}`): Promise<void> {
    await this.nodes.pass(5);
    const request = sent(this.members.get(id)!).at(-1) as { id: number };
    this.members.get(id)!.writeInbound({ jsonrpc: '2.0', id: request.id, result });
    await this.nodes.pass(5);
  }

  told({ node, id, answer, error }: ClusterAnswer<unknown>): string {
    const place = node === this.a.nodeId ? 'a' : 'b';
    const member = `${place}/${id ?? '?'}`;
    if (error === undefined) return `${member} ${String(answer)}`;
    return `${member} ${(error as HeadraceError).code.replace('HR_ERR_', '')}`;
  }

  /** A note from the second node to the first one. */
  say(note: object): void {
    const { wire } = this.b.parts;
    wire.sendJson(wire.subjects.node(this.a.nodeId), KIND.answer, note);
  }
}

describe('a question to the members of all nodes', () => {
  it('gives the answers of all as they come, and ends with the last one', async () => {
    const world = await World.of(1, 2);
    const { answers } = world.ask();
    await world.answer('b1');
    expect(world.got).toEqual(['b/b1 re:b1']);
    expect(answers.counts).toEqual({ members: 3, answered: 1, failed: 0, waiting: 2 });
    await world.answer('a0');
    await world.answer('b0');
    expect(world.got).toEqual(['b/b1 re:b1', 'a/a0 re:a0', 'b/b0 re:b0', 'end']);
  });

  it('ends at once where no node has members', async () => {
    const world = await World.of(0, 0);
    const { answers } = world.ask();
    await world.nodes.pass(5);
    expect(world.got).toEqual(['end']);
    expect(answers.counts.members).toBe(0);
  });

  it('carries errors and their details', async () => {
    const world = await World.of(0, 1);
    const answers = world.a.group('room').request<JsonRpcExchange>(PING);
    await world.nodes.pass(5);
    const { id } = sent(world.members.get('b0')!).at(-1) as { id: number };
    const error = { code: 7, message: 'no' };
    world.members.get('b0')!.writeInbound({ jsonrpc: '2.0', id, error });
    await world.nodes.pass(5);
    const { answers: list, codes } = await answers.all();
    expect([...codes]).toEqual([['HR_ERR_REQUEST_REFUSED', 1]]);
    expect(list[0]?.error).toMatchObject({ details: { code: 7, text: 'no' } });
  });

  it('gives the deadline to each member that is missing, and cancels at the other nodes', async () => {
    const world = await World.of(1, 2);
    world.ask({ timeoutMs: 500 });
    await world.answer('b0');
    await world.nodes.pass(480);
    expect(world.got).toEqual(['b/b0 re:b0']);
    await world.nodes.pass(50);
    expect(world.got.slice(1).sort()).toEqual([
      'a/a0 TIMEOUT_REQUEST',
      'b/b1 TIMEOUT_REQUEST',
      'end',
    ]);
    expect(world.methods('b1')).toEqual(['ping', '$/cancelRequest']);
  });

  it('gives its reason to each member of a node that dies', async () => {
    const world = await World.of(1, 2);
    world.ask({ timeoutMs: 60_000 });
    await world.answer('a0');
    await world.answer('b1');
    world.b.parts.directory.stop();
    await world.nodes.pass(7000);
    expect(world.got).toEqual(['a/a0 re:a0', 'b/b1 re:b1', 'b/b0 REQUEST_LOST', 'end']);
  });

  it('gives a reason to each member of a node that took this one for gone', async () => {
    const world = await World.of(0, 2);
    world.ask({ timeoutMs: 60_000 });
    await world.answer('b1');
    world.a.parts.directory.stop();
    await world.nodes.pass(5000 + 2000 + 10);
    expect(world.methods('b0')).toEqual(['ping', '$/cancelRequest']);
    expect(world.got).toEqual(['b/b1 re:b1', 'b/b0 REQUEST_LOST', 'end']);
  });

  it('waits for a node that still asks its members, however long that takes', async () => {
    const world = await World.of(0, 2);
    world.ask({ timeoutMs: 60_000 });
    await world.answer('b1');
    await world.nodes.pass(30_000);
    await world.answer('b0');
    expect(world.got).toEqual(['b/b1 re:b1', 'b/b0 re:b0', 'end']);
  });

  it('gives a reason where the question was lost on its way', async () => {
    const world = await World.of(0, 2);
    world.b.parts.inbox.stop();
    world.ask({ timeoutMs: 60_000 });
    await world.nodes.pass(5);
    world.b.parts.inbox.start();
    await world.nodes.pass(2010);
    expect(world.got).toEqual(['b/? REQUEST_LOST', 'end']);
  });

  it('gives a reason where the last answer was lost on its way', async () => {
    const world = await World.of(0, 2);
    world.ask({ timeoutMs: 60_000 });
    await world.answer('b1');
    world.a.parts.inbox.stop();
    await world.answer('b0');
    world.a.parts.inbox.start();
    await world.nodes.pass(2010);
    expect(world.got).toEqual(['b/b1 re:b1', 'b/b0 REQUEST_LOST', 'end']);
  });

  it('gives a reason for what was under the id that this node has no more', async () => {
    const world = await World.of(0, 1);
    world.ask({ timeoutMs: 60_000 });
    await world.nodes.pass(5);
    world.a.parts.wire.rename();
    await world.nodes.pass(2010);
    expect(world.got).toEqual(['b/b0 REQUEST_LOST', 'end']);
  });

  it('asks no node about its questions once they are over', async () => {
    const world = await World.of(0, 1);
    const { wire } = world.a.parts;
    world.ask({ timeoutMs: 60_000 });
    await world.answer('b0');
    const look = vi.spyOn(world.a.parts.questions as never, 'askWhetherStill');
    const before = wire.lastNumber(wire.subjects.node(world.b.nodeId));
    await world.nodes.pass(10_000);
    expect(wire.lastNumber(wire.subjects.node(world.b.nodeId))).toBe(before);
    expect(look).not.toHaveBeenCalled();
  });

  it('asks no node about them while the bus is down', async () => {
    const world = await World.of(0, 1);
    const { wire } = world.a.parts;
    world.ask({ timeoutMs: 60_000 });
    await world.nodes.pass(5);
    const before = wire.lastNumber(wire.subjects.node(world.b.nodeId));
    Object.defineProperty(wire.bus, 'state', { value: 'down' });
    await world.nodes.pass(10_000);
    expect(wire.lastNumber(wire.subjects.node(world.b.nodeId))).toBe(before);
  });

  it('asks about no more questions at a time than a node takes', async () => {
    const world = await World.of(0, 1);
    world.b.parts.inbox.stop();
    const options = { timeoutMs: 60_000 };
    const many = Array.from({ length: 300 }, () =>
      world.a.group('room').request(Buffer.of(1), options),
    );
    await world.nodes.pass(5);
    world.b.parts.inbox.start();
    const waiting = () => many.filter(({ counts }) => counts.waiting > 0).length;
    await world.nodes.pass(2010);
    expect(waiting()).toBe(300 - 256);
    await world.nodes.pass(2000);
    expect(waiting()).toBe(0);
  });

  it('asks about the others, too, while a node still asks as many as it takes', async () => {
    const world = await World.of(0, 1);
    const options = { timeoutMs: 60_000 };
    const ask = (count: number) =>
      Array.from({ length: count }, () =>
        world.a.group('room').request<JsonRpcExchange>(PING, options),
      );
    const first = ask(256);
    await world.nodes.pass(5);
    world.b.parts.inbox.stop();
    const lost = ask(44);
    await world.nodes.pass(5);
    world.b.parts.inbox.start();
    await world.nodes.pass(4010);
    const waiting = (all: typeof first) => all.filter(({ counts }) => counts.waiting > 0).length;
    expect([waiting(first), waiting(lost)]).toEqual([256, 0]);
  });

  it('answers about no more questions at a time than it takes', async () => {
    const world = await World.of(0, 1);
    const { wire } = world.a.parts;
    const line = wire.subjects.node(world.b.nodeId);
    const before = wire.lastNumber(line);
    const numbers = Array.from({ length: 100_000 }, (_, i) => `${i}`);
    const { wire: other } = world.b.parts;
    const note = { to: 'members', about: '', what: 'still' };
    other.sendJson(wire.subjects.node(world.a.nodeId), KIND.ask, { ...note, numbers });
    await world.nodes.pass(5);
    expect(wire.lastNumber(line)).toBe(before);
    expect(world.a.counters.ignored['body']).toBe(1);
    numbers.length = 256;
    other.sendJson(wire.subjects.node(world.a.nodeId), KIND.ask, { ...note, numbers });
    await world.nodes.pass(5);
    expect(wire.lastNumber(line)).toBe(before + 256);
  });

  it('has one entry for a node that was never heard', async () => {
    const world = await World.of(0, 2);
    world.b.parts.inbox.stop();
    world.ask({ timeoutMs: 500 });
    await world.nodes.pass(510);
    expect(world.got).toEqual(['b/? TIMEOUT_REQUEST', 'end']);
  });

  it('cancels the rest on all nodes when the loop is left', async () => {
    const world = await World.of(1, 1);
    const { answers } = world.ask();
    await world.nodes.pass(5);
    answers.cancel();
    await world.nodes.pass(5);
    expect(world.methods('a0')).toEqual(['ping', '$/cancelRequest']);
    expect(world.methods('b0')).toEqual(['ping', '$/cancelRequest']);
    expect(world.got).toEqual(['end']);
  });

  it('ends by its signal, here and there', async () => {
    const world = await World.of(1, 1);
    const controller = new AbortController();
    world.ask({ signal: controller.signal });
    await world.nodes.pass(5);
    controller.abort();
    await world.nodes.pass(5);
    expect(world.got.sort()).toEqual(['a/a0 OPERATION_ABORTED', 'b/b0 OPERATION_ABORTED', 'end']);
    expect(world.methods('b0')).toEqual(['ping', '$/cancelRequest']);
  });

  it('ends by its signal at the other nodes, too, where no member is here', async () => {
    const world = await World.of(0, 1);
    const controller = new AbortController();
    world.ask({ signal: controller.signal });
    await world.nodes.pass(5);
    controller.abort();
    await world.nodes.pass(5);
    expect(world.got).toEqual(['b/b0 OPERATION_ABORTED', 'end']);
    expect(world.methods('b0')).toEqual(['ping', '$/cancelRequest']);
  });

  it('carries the errors of many members whose peers say much', async () => {
    const world = await World.of(0, 600);
    const { answers } = world.ask();
    await world.nodes.pass(5);
    for (const channel of world.members.values()) {
      const { id } = sent(channel).at(-1) as { id: number };
      const error = { code: 7, message: 'x'.repeat(20_000) };
      channel.writeInbound({ jsonrpc: '2.0', id, error });
    }
    await world.nodes.pass(5);
    expect(answers.counts).toMatchObject({ members: 600, failed: 600 });
    expect(world.got[0]).toBe('b/b0 REQUEST_REFUSED');
  });

  it('is not asked any more for a node that is gone', async () => {
    const world = await World.of(0, 1);
    world.ask({ timeoutMs: 60_000 });
    await world.nodes.pass(5);
    world.a.parts.directory.stop();
    await world.nodes.pass(7000);
    expect(world.methods('b0')).toEqual(['ping', '$/cancelRequest']);
  });

  it('sends the answers that come together in one message', async () => {
    const world = await World.of(0, 500);
    const { wire } = world.b.parts;
    const { answers } = world.ask();
    await world.nodes.pass(5);
    const before = wire.lastNumber(wire.subjects.node(world.a.nodeId));
    for (const channel of world.members.values()) {
      const { id } = sent(channel).at(-1) as { id: number };
      channel.writeInbound({ jsonrpc: '2.0', id, result: 'yes' });
    }
    await world.nodes.pass(5);
    const notes = wire.lastNumber(wire.subjects.node(world.a.nodeId)) - before;
    expect(answers.counts).toMatchObject({ members: 500, answered: 500 });
    expect(notes).toBe(1);
  });

  it('makes an error of an answer that is too long for the bus', async () => {
    const world = await World.of(0, 2);
    world.ask();
    await world.answer('b0', 'x'.repeat(300_000));
    await world.answer('b1');
    expect(world.got).toEqual(['b/b0 MESSAGE_TOO_LONG', 'b/b1 re:b1', 'end']);
  });

  it('sends no question that the bus cannot carry', async () => {
    const world = await World.of(1, 0);
    const group = world.a.group('room');
    const long = { method: 'x'.repeat(300_000) };
    expect(() => group.request<JsonRpcExchange>(long)).toThrow(/bytes/);
    await world.nodes.pass(5);
    expect(world.methods('a0')).toEqual([]);
  });

  it('counts each member once, and ignores what no node can have said', async () => {
    const world = await World.of(1, 1);
    const { answers } = world.ask();
    await world.nodes.pass(5);
    const to = { to: 'member-answers', about: '1' };
    world.say({
      ...to,
      count: 1,
      answers: [
        { at: 1, j: 'forged' },
        { at: -1, j: 'forged' },
      ],
    });
    world.say({ ...to, count: 'many' });
    world.say({ ...to, count: 1, from: -1, ids: ['forged'] });
    world.say({ ...to, count: 9, from: 1, ids: ['forged'] });
    world.say({ ...to, count: 1, failure: {} });
    world.say({ ...to, count: 1, answers: ['none'] });
    world.say({ ...to, count: 1, answers: [{ at: 0, error: {} }] });
    await world.nodes.pass(5);
    expect(answers.counts).toEqual({ members: 2, answered: 0, failed: 0, waiting: 2 });
    world.say({
      ...to,
      count: 1,
      answers: [
        { at: 0, j: 'one' },
        { at: 0, j: 'two' },
      ],
    });
    await world.nodes.pass(5);
    expect(world.got).toEqual(['b/b0 one']);
    expect(world.a.counters.ignored['body']).toBe(5);
  });

  it('asks those of this node alone while the bus is down', async () => {
    const world = await World.of(1, 1);
    Object.defineProperty(world.a.parts.wire.bus, 'state', { value: 'down' });
    world.ask();
    await world.answer('a0');
    expect(world.got).toEqual(['b/? BUS_DOWN', 'a/a0 re:a0', 'end']);
    expect(world.methods('b0')).toEqual([]);
  });

  it('ends when the cluster is left', async () => {
    const world = await World.of(0, 1);
    world.ask({ timeoutMs: 60_000 });
    await world.nodes.pass(5);
    void world.a.leave();
    await world.nodes.pass(1000);
    expect(world.got).toEqual(['b/b0 REQUEST_LOST', 'end']);
    expect(world.methods('b0')).toEqual(['ping', '$/cancelRequest']);
  });

  it('takes no more questions of other nodes than it can ask', async () => {
    const world = await World.of(0, 1);
    const many = Array.from({ length: 257 }, () => world.a.group('room').request(Buffer.of(1)));
    await world.nodes.pass(5);
    expect(many[256]!.counts).toEqual({ members: 1, answered: 0, failed: 1, waiting: 0 });
    const [one] = (await many[256]!.all()).answers;
    expect(world.told(one!)).toBe('b/? REJECTED_QUEUE');
  });
});
