import { describe, expect, it } from 'vitest';
import { noteFigures } from '../../../core/test/fixture/figure.ts';

import { BODY } from '../../src/envelope/envelope.ts';
import { Nodes, sent } from '../nodes.ts';
import {
  BODY_TYPE,
  brokenEnvelope,
  NODE,
  NUMBER,
  type Target,
  wholeEnvelope,
} from './broken-envelopes.ts';
import { Dice } from './dice.ts';

const ENVELOPES = 1_000_000;
const AT_ONCE = 1000;
/** First of a kind, for each subject. */
const MAX_LINES = 100;

describe('a million envelopes that mean nothing', () => {
  it('throw nothing, and deliver nothing', async () => {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));
    const random = new Dice(seed);
    const nodes = new Nodes();
    const cluster = await nodes.join<string>({ users: { onDuplicate: 'kick-older' } });
    const room = cluster.group<unknown>('room', { presence: 'ids', idOf: () => 'ann' });
    const events: string[] = [];
    cluster.on('nodeJoined', ({ id }) => events.push(`nodeJoined ${id}`));
    cluster.on('nodeLeft', ({ id }) => events.push(`nodeLeft ${id}`));
    room.on('gap', () => events.push('gap'));
    const [member, user] = [nodes.channel(), nodes.channel()];
    room.add(member);
    cluster.users.bind('ann', user);
    await nodes.pass(1000);
    room.on('memberJoined', ({ id }) => events.push(`joined ${id}`));
    room.on('memberLeft', ({ id }) => events.push(`left ${id}`));
    const group: Target = { subject: 'g.proom', kinds: [1] };
    const targets: readonly Target[] = [
      group,
      { subject: 'nodes', kinds: [4] },
      { subject: 'p', kinds: [5] },
      { subject: 'u', kinds: [2, 3, 6] },
      { subject: `n.${cluster.nodeId}`, kinds: [6, 7, 8] },
    ];
    const { bus } = cluster.parts.wire;
    const publish = (target: Target, bytes: Buffer) =>
      bus.publish(`hr.ptest.${target.subject}`, bytes);

    const { stackTraceLimit } = Error;
    // Nobody looks at the stacks of a million expected errors.
    Error.stackTraceLimit = 0;
    const began = performance.now();
    try {
      for (let made = 0; made < ENVELOPES; made += AT_ONCE) {
        for (let i = 0; i < AT_ONCE; i += 1) {
          const target = random.of(targets);
          publish(target, brokenEnvelope(target, random));
        }
        await nodes.pass(1);
        const got = [...sent(member), ...sent(user)];
        expect([got, events, room.counters], `SEED=${seed}`).toEqual([
          [],
          [],
          { published: { sent: 0, kept: 0, dropped: 0 }, received: 0, lost: 0 },
        ]);
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    const seconds = (performance.now() - began) / 1000;
    const { ignored } = cluster.counters;
    noteFigures('envelopes', { seed, seconds, ignored, lines: nodes.lines.length });
    expect(nodes.lines.filter((line) => line.startsWith('error'))).toEqual([]);
    expect(nodes.lines.length).toBeLessThan(MAX_LINES);
    expect([room.total, cluster.users.size, cluster.nodes.length]).toEqual([1, 1, 1]);
    expect([member.isOpen, user.isOpen]).toEqual([true, true]);
    // It still listens: to another node, for what it sent itself it ignores.
    const whole = wholeEnvelope(group, random);
    whole[BODY_TYPE] = BODY.bytes;
    expect(cluster.nodeId).toBe('01'.repeat(16));
    whole.fill(2, NODE, NUMBER);
    publish(group, whole);
    await nodes.pass(1);
    expect(sent(member), `SEED=${seed}`).toHaveLength(1);
  });
});
