// Streams of events: what a listener of a group receives, and what ends it.
import { connect } from 'node:net';
import { BUS_ERRORS } from '@headrace/bus';
import { type Channel, ChannelError } from '@headrace/core';
import { durableGroup } from '@headrace/durable';
import { connectionsOf } from '@headrace/gateway';
import type { ListenedEvent } from '@headrace/gateway/http';
import type { LogPosition } from '@headrace/store';
import { afterEach, describe, expect, it } from 'vitest';
import { sent } from '../../../cluster/test/nodes.ts';
import { world } from '../gateway/remote-world.ts';
import { apiWorld, KEY, NotedConnections } from './api-world.ts';

const JOINED = 'event: joined\ndata: {"recovered":false,"position":null}\n\n';

const opened: AbortController[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.abort();
});

/** A stream that a client reads. */
async function listen(port: number, query: string, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  opened.push(abort);
  const response = await fetch(`http://127.0.0.1:${port}/events${query}`, {
    headers: { authorization: `Bearer ${KEY}`, ...headers },
    signal: abort.signal,
  });
  const got = { text: '', isWhole: false, isOver: false };
  void (async () => {
    for await (const part of response.body!) got.text += Buffer.from(part).toString('utf8');
    got.isWhole = true;
  })()
    .catch(() => {})
    .finally(() => {
      got.isOver = true;
    });
  return { response, got, leave: () => abort.abort() };
}

/** Connections that keep the channels of listeners. */
class HeardConnections extends NotedConnections {
  readonly channels: Channel[] = [];
  readonly positions: (LogPosition | undefined)[] = [];

  async listen(
    group: string,
    channel: Channel,
    position: LogPosition | undefined,
    answer: (outcome: { recovered: boolean; position?: LogPosition }) => unknown,
  ) {
    this.noted.push(['listen', { group }]);
    this.positions.push(position);
    this.channels.push(channel);
    await this.fail?.();
    const outcome = position === undefined ? { recovered: false } : { recovered: true, position };
    channel.writeAndFlush(answer(outcome));
  }
}

async function heard(options: Parameters<typeof apiWorld>[0] = {}) {
  const connections = new HeardConnections();
  return { ...(await apiWorld({ connections, ...options })), connections };
}

describe('a listener of events', () => {
  it('is not made by HEAD, which has the answer of GET without its body', async () => {
    const { connections, port } = await heard({ maxListeners: 1 });
    for (let round = 0; round < 3; round++) {
      const response = await fetch(`http://127.0.0.1:${port}/events?group=a`, {
        method: 'HEAD',
        headers: { authorization: `Bearer ${KEY}` },
      });
      const { status, headers } = response;
      const type = headers.get('content-type');
      expect([status, type, await response.text()]).toEqual([200, 'text/event-stream', '']);
    }
    expect(connections.channels).toEqual([]);
    expect((await listen(port, '?group=a')).response.status).toBe(200);
  });

  it('receives the messages to its group, in one line each', async () => {
    const { connections, port } = await heard();
    const { response, got } = await listen(port, '?group=l%C3%B6bby');
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream',
    ]);
    await expect.poll(() => got.text).toBe(JOINED);
    expect(connections.noted).toEqual([['listen', { group: 'löbby' }]]);
    for (const message of ['two\nlines\r', { a: [1] }, 7]) {
      connections.channels[0]!.writeAndFlush(message);
    }
    const events = ['"two\\nlines\\r"', '{"a":[1]}', '7'].map((one) => `data: ${one}\n\n`);
    await expect.poll(() => got.text).toBe(JOINED + events.join(''));
  });

  it('receives bytes as base64, in events of their own name', async () => {
    const { connections, port } = await heard();
    const { got } = await listen(port, '?group=a');
    await expect.poll(() => got.text).toBe(JOINED);
    connections.channels[0]!.writeAndFlush(Buffer.from([0, 0xff]));
    connections.channels[0]!.writeAndFlush(new Uint8Array([1]));
    const events = ['"AP8="', '"AQ=="'].map((one) => `event: bytes\ndata: ${one}\n\n`);
    await expect.poll(() => got.text).toBe(JOINED + events.join(''));
  });

  it('receives a comment after each time without an event', async () => {
    const { connections, port, clock } = await heard({ heartbeatMs: 1000 });
    const { got } = await listen(port, '?group=a');
    await expect.poll(() => got.text).toBe(JOINED);
    clock.advance(900);
    connections.channels[0]!.writeAndFlush(1);
    await expect.poll(() => got.text).toBe(`${JOINED}data: 1\n\n`);
    clock.advance(900);
    clock.advance(200);
    await expect.poll(() => got.text).toBe(`${JOINED}data: 1\n\n:\n\n`);
    clock.advance(1000);
    await expect.poll(() => got.text).toBe(`${JOINED}data: 1\n\n:\n\n:\n\n`);
  });

  it('has positions as ids if the program gives them, and comes back with the last one', async () => {
    const toEvent = (message: unknown): ListenedEvent => {
      const { data, offset } = message as { data: unknown; offset?: number };
      return { data, position: offset === undefined ? undefined : { epoch: 'e', offset } };
    };
    const { connections, port } = await heard({ toEvent });
    const { got } = await listen(port, '?group=a', { 'last-event-id': 'e:7' });
    const joined = 'event: joined\nid: e:7\ndata: {"recovered":true,"position":"e:7"}\n\n';
    await expect.poll(() => got.text).toBe(joined);
    connections.channels[0]!.writeAndFlush({ data: 'hi', offset: 8 });
    connections.channels[0]!.writeAndFlush({ data: undefined });
    await expect.poll(() => got.text).toBe(`${joined}id: e:8\ndata: "hi"\n\ndata: null\n\n`);
    for (const id of ['', 'e', 'e:', ':7', 'e:-1', 'a b:1', 'e:1:2']) {
      await listen(port, '?group=a', { 'last-event-id': id });
    }
    await expect.poll(() => connections.positions.length).toBe(8);
    const [first, ...others] = connections.positions;
    expect(first).toEqual({ epoch: 'e', offset: 7 });
    expect(new Set(others)).toEqual(new Set([undefined]));
  });

  it('has a number for each key, and makes room when it leaves', async () => {
    const { ask, port, connections } = await heard({ maxListeners: 2 });
    const first = await listen(port, '?group=a');
    await listen(port, '?group=b');
    const refused = await ask('/events?group=c');
    expect([refused.status, refused.code]).toEqual([503, 'BUSY']);
    // Streams are not counted as requests under way.
    expect((await ask('/count')).status).toBe(200);
    first.leave();
    await expect.poll(() => connections.channels[0]!.isOpen).toBe(false);
    expect((await listen(port, '?group=c')).response.status).toBe(200);
  });

  it('is closed if it does not read', async () => {
    const { connections, port } = await heard();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET /events?group=a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${KEY}\r\n\r\n`);
    await expect.poll(() => connections.channels.length).toBe(1);
    socket.pause();
    const [channel] = connections.channels;
    const message = 'x'.repeat(256 * 1024);
    for (let i = 0; i < 200 && channel!.isOpen; i += 1) {
      channel!.writeAndFlush(message);
      await new Promise(setImmediate);
    }
    await expect.poll(() => channel!.isOpen).toBe(false);
    expect(channel!.closeInfo?.reason).toBe('slow-consumer');
    socket.destroy();
  });

  it('is ended if it cannot become a member', async () => {
    const { connections, port, lines } = await heard();
    connections.fail = () => {
      throw new ChannelError(BUS_ERRORS.BUS_DOWN, 'down', { bus: 'memory' });
    };
    const { got } = await listen(port, '?group=a');
    await expect.poll(() => got.isOver).toBe(true);
    expect([got.text, lines]).toEqual(['', []]);
    expect(connections.channels[0]!.closeInfo?.reason).toBe('error');
  });

  it.each([
    ['', 400, 'WRONG_NAME'],
    ['?group=', 400, 'WRONG_NAME'],
    ['?group=other', 403, 'NOT_ALLOWED'],
  ])('is refused with /events%s', async (query, status, code) => {
    const { ask, noted } = await heard({ keys: [{ key: KEY, groups: 'shop.' }] });
    const answer = await ask(`/events${query}`);
    expect([answer.status, answer.code, noted]).toEqual([status, code, []]);
  });
});

describe('a listener of a cluster', () => {
  async function served() {
    const there = await world();
    const api = await apiWorld({ connections: there.of, clock: there.nodes.clock });
    const events = await listen(api.port, '?group=room');
    await expect.poll(() => events.got.text).toBe(JOINED);
    await there.nodes.pass(2000);
    return { ...there, ...api, ...events };
  }

  it('hears what any node sends to the group or to all connections, each once', async () => {
    const { ids, fronts, of, given, got, nodes } = await served();
    await given(of.join({ connection: ids[0]! }, 'room'));
    expect(await given(of.publish({ group: 'room' }, 'one'))).toEqual({
      connections: 2,
      nodes: 2,
    });
    await given(of.publish({ group: 'other' }, 'not this'));
    await given(of.send({ all: true }, 'two'));
    fronts[1]!.group<string>('room').writeAndFlush('three');
    await nodes.pass(100);
    const events = ['one', 'two', 'three'].map((one) => `data: "${one}"\n\n`);
    await expect.poll(() => got.text).toBe(JOINED + events.join(''));
  });

  it('is a connection that can be listed and closed, and is gone with its client', async () => {
    const { of, given, got, nodes, port } = await served();
    const [one] = await given(of.list({ group: 'room' }));
    expect([one!.groups, one!.users]).toEqual([['room'], []]);
    expect(await given(of.close({ connection: one!.id }, 'bye'))).toBe(1);
    await nodes.pass(100);
    await expect.poll(() => got.isOver).toBe(true);
    expect(got.text).toBe(`${JOINED}data: "bye"\n\n`);
    const again = await listen(port, '?group=room');
    await expect.poll(() => again.got.text).toBe(JOINED);
    again.leave();
    await expect.poll(() => given(of.count({ group: 'room' }))).toBe(0);
    expect(await given(of.count({ all: true }))).toBe(2);
  });

  it('ends when its node leaves', async () => {
    const { back, nodes, got } = await served();
    void back.leave();
    await nodes.pass(2000);
    await expect.poll(() => got.isOver).toBe(true);
    // The server itself would cut the connection in the middle of the answer.
    expect(got.isWhole).toBe(true);
  });

  it('shares a node with a gateway, and both are reached', async () => {
    const { fronts, channels, nodes, given, of } = await world();
    const connections = connectionsOf(fronts[0]!);
    const { port } = await apiWorld({ connections, clock: nodes.clock });
    const { got } = await listen(port, '?group=room');
    await expect.poll(() => got.text).toBe(JOINED);
    expect(await given(of.publish({ all: true }, 'hi'))).toEqual({ connections: 3, nodes: 2 });
    await expect.poll(() => got.text).toBe(`${JOINED}data: "hi"\n\n`);
    expect(channels.map(sent)).toEqual([['hi'], ['hi']]);
    const ids = (await given(of.list({ all: true }))).map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
  });

  it('is reached after a gateway of its node has closed, even twice', async () => {
    const { fronts, gateways, nodes, given, of } = await world();
    const connections = connectionsOf(fronts[0]!);
    const { port } = await apiWorld({ connections, clock: nodes.clock });
    const { got } = await listen(port, '?group=room');
    await expect.poll(() => got.text).toBe(JOINED);
    gateways[0]!.close();
    gateways[0]!.close();
    await given(of.send({ all: true }, 'hi'));
    await expect.poll(() => got.text).toBe(`${JOINED}data: "hi"\n\n`);
  });

  it('receives what it has missed of a durable group, and misses nothing', async () => {
    const { fronts, back, nodes } = await world();
    type Stored = { text: string; position: LogPosition };
    const format = (text: string, position: LogPosition): Stored => ({ text, position });
    const options = { messages: 3, recent: 0, format };
    const [writer] = [fronts[0]!, back].map((node) => durableGroup<string>(node, 'room', options));
    const toEvent = (message: unknown): ListenedEvent => {
      const { text, position } = message as Stored;
      return { data: text, position };
    };
    const connections = connectionsOf(back);
    const { port } = await apiWorld({ connections, clock: nodes.clock, toEvent });
    const reads = async (got: { readonly text: string }, expected: RegExp): Promise<string> => {
      const text = async (): Promise<string> => {
        await nodes.pass(20);
        return got.text;
      };
      await expect.poll(text).toMatch(expected);
      return [...got.text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
    };
    const first = await listen(port, '?group=room');
    await reads(
      first.got,
      /^event: joined\nid: \S+:0\ndata: \{"recovered":false,"position":"\S+:0"\}\n\n$/,
    );
    writer!.write('one');
    const id = await reads(first.got, /id: \S+:1\ndata: "one"\n\n$/);
    first.leave();
    await expect.poll(() => [...back.knownGroup('room')!].length).toBe(0);
    for (const text of ['two', 'three']) writer!.write(text);
    await nodes.pass(100);
    const second = await listen(port, '?group=room', { 'last-event-id': id });
    await reads(
      second.got,
      /^id: \S+:2\ndata: "two"\n\nid: \S+:3\ndata: "three"\n\nevent: joined\nid: \S+:3\ndata: \{"recovered":true,"position":"\S+:3"\}\n\n$/,
    );
    writer!.write('four');
    await reads(second.got, /id: \S+:4\ndata: "four"\n\n$/);
    for (const text of ['five', 'six', 'seven', 'eight']) writer!.write(text);
    await nodes.pass(100);
    const late = await listen(port, '?group=room', { 'last-event-id': id });
    await reads(
      late.got,
      /^event: joined\nid: \S+:8\ndata: \{"recovered":false,"position":"\S+:8"\}\n\n$/,
    );
  });
});
