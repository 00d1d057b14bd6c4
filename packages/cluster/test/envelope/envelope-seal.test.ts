import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { memoryBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { OptionError } from '@headrace/core';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import { BODY, type Envelope, encodeEnvelope, KIND } from '../../src/envelope/envelope.ts';
import { EnvelopeSeal } from '../../src/envelope/envelope-seal.ts';
import { Nodes, sent } from '../nodes.ts';

const OLD = 'a secret of the old days';
const NEW = Buffer.alloc(32, 7);
const TIME = 1_800_000_000_000;
const hello: Envelope = {
  kind: KIND.broadcast,
  bodyType: BODY.text,
  flags: 0,
  node: '00112233445566778899aabbccddeeff',
  number: 1,
  body: Buffer.from('hello'),
};

describe('a sealed envelope', () => {
  const seal = new EnvelopeSeal([NEW, OLD]);

  it('comes back as it went, from each of the keys', () => {
    for (const keys of [[NEW], [OLD], [OLD, NEW]]) {
      const bytes = new EnvelopeSeal(keys).encode('hr.pchat.g.pa', hello, TIME);
      expect(seal.decode('hr.pchat.g.pa', bytes)).toEqual({ ...hello, time: TIME });
    }
  });

  it('is 22 bytes longer', () => {
    expect(seal.encode('s', hello, TIME).byteLength).toBe(encodeEnvelope(hello).byteLength + 22);
  });

  it('is forged on another subject', () => {
    expect(seal.decode('hr.pchat.g.pb', seal.encode('hr.pchat.g.pa', hello, TIME))).toBe('forged');
  });

  it('is forged with another key', () => {
    const bytes = new EnvelopeSeal([Buffer.alloc(32, 8)]).encode('s', hello, TIME);
    expect(seal.decode('s', bytes)).toBe('forged');
  });

  it('is forged when one bit of it changes', () => {
    const bytes = seal.encode('s', hello, TIME);
    for (let at = 3; at < bytes.byteLength; at += 1) {
      bytes[at]! ^= 1;
      expect(seal.decode('s', bytes)).toBe('forged');
      bytes[at]! ^= 1;
    }
  });

  it('is forged when bytes are missing', () => {
    const bytes = seal.encode('s', hello, TIME);
    for (let length = 3; length < bytes.byteLength; length += 1) {
      expect(seal.decode('s', bytes.subarray(0, length))).toBe('forged');
    }
  });

  it('is not taken without keys, and with keys none without a seal is', () => {
    expect(new EnvelopeSeal([]).decode('s', seal.encode('s', hello, TIME))).toBe('sealed');
    expect(seal.decode('s', encodeEnvelope(hello))).toBe('unsealed');
    expect(seal.decode('s', Buffer.from('GET / HTTP/1.1'))).toBe('foreign');
  });

  it('is too long before it is looked at', () => {
    const bytes = Buffer.concat([seal.encode('s', hello, TIME), Buffer.alloc(1024 * 1024)]);
    expect(seal.decode('s', bytes)).toBe('long');
  });
});

describe('a cluster with keys', () => {
  it('is one with all nodes that have one of them', async () => {
    const nodes = new Nodes();
    const clusters = [
      await nodes.join({ keys: [OLD] }),
      await nodes.join({ keys: [OLD, NEW] }),
      await nodes.join({ keys: [NEW, OLD] }),
    ];
    await nodes.pass(3000);
    expect(clusters.map((each) => each.nodes.length)).toEqual([2, 3, 3]);
    expect(clusters.map((each) => each.counters.ignored)).toEqual([
      { forged: expect.any(Number) },
      {},
      {},
    ]);
    const channel = nodes.channel();
    clusters[1]!.group<string>('room').add(channel);
    await nodes.pass(50);
    clusters[0]!.group<string>('room').writeAndFlush('from the old');
    clusters[2]!.group<string>('room').writeAndFlush('from the new');
    await nodes.pass(50);
    expect(sent(channel)).toEqual(['from the old', 'from the new']);
  });

  it('ignores what a program without a key publishes, and says so once', async () => {
    const nodes = new Nodes();
    const cluster = await nodes.join({ keys: [NEW] });
    const stranger = await nodes.join();
    const channel = nodes.channel();
    cluster.group<string>('room').add(channel);
    await nodes.pass(3000);
    stranger.group<string>('room').writeAndFlush('forged');
    await nodes.pass(50);
    expect(sent(channel)).toEqual([]);
    expect(cluster.nodes).toHaveLength(1);
    expect(stranger.nodes).toHaveLength(1);
    expect(nodes.lines.filter((line) => line.includes('without keys'))).toHaveLength(1);
    expect(nodes.lines.filter((line) => line.includes('see keys of Cluster.join'))).toHaveLength(1);
  });

  it('shows no key when it is printed', async () => {
    const cluster = await new Nodes().join({ keys: [OLD] });
    expect(inspect(cluster, { depth: 8, showHidden: true })).not.toContain(OLD);
  });

  it('ignores what a program without a key stores in a durable group', async () => {
    const nodes = new Nodes();
    const cluster = await nodes.join({ keys: [NEW] });
    const stranger = await nodes.join();
    const channel = nodes.channel();
    durableGroup<string>(cluster, 'room').add(channel);
    await nodes.pass(3000);
    durableGroup<string>(stranger, 'room').writeAndFlush('forged');
    durableGroup<string>(cluster, 'room').writeAndFlush('own');
    await nodes.pass(500);
    expect(sent(channel)).toEqual(['own']);
    expect(cluster.counters.ignored['unsealed']).toBeGreaterThan(0);
  });

  it.each([
    ['too short', ['123456789012345']],
    ['no list', 'a secret of the old days'],
    ['no text', [1234567890123456]],
    ['a list with a hole', Object.assign(new Array(2), { 1: NEW })],
    ['too many', Array.from({ length: 9 }, () => NEW)],
  ])('is refused with keys that are %s, without a word of them', async (_, keys) => {
    const joining = Cluster.join({ app: 'test', bus: memoryBus(), keys: keys as never });
    const error = await joining.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OptionError);
    expect((error as Error).message).toMatch(/keys .*up to 8 secrets of at least 16 bytes/);
    expect((error as Error).message).not.toMatch(/12345|old days/);
  });
});
