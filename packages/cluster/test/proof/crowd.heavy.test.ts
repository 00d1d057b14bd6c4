import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { noteFigures } from '../../../core/test/fixture/figure.ts';
import type { Heard } from './checked-members.ts';
import { NodesOnNats } from './nodes-on-nats.ts';

const MEMBERS = 10_000;
const SENDERS = 50;
const NODES = 3;
/**
 * A group refuses broadcasts above 8,000,000 writes that wait. The messages come far faster than a node can write each to
 * its members, and on a machine with other work all of them may wait at one time: 2000 for 3334 members are below that.
 */
const MESSAGES = 40;

interface Report {
  readonly heard: readonly Heard[];
  readonly faults: number;
  readonly lost: number;
}

const absent = missing(NATS_SERVER);
const started = new NodesOnNats();

describe.runIf(absent === '')(`a crowd over three nodes${absent}`, () => {
  it('gets every message of 50 senders exactly once, in order: 10,000 members', async () => {
    await started.start('./crowd-program.ts', NODES, { senders: SENDERS });
    const { nodes } = started;
    const all = <R>(order: string, given: object = {}) => started.all<R>(order, given);
    const counts = nodes.map((_, i) => Math.ceil((MEMBERS - i) / NODES));
    await Promise.all(nodes.map((node, i) => node.ask('add', { count: counts[i] })));
    const totals = nodes.map(() => MEMBERS);
    await expect.poll(() => all('total'), { timeout: 60_000 }).toEqual(totals);

    const began = performance.now();
    const senders = Array.from({ length: SENDERS }, (_, sender) => sender);
    await Promise.all(
      nodes.map((node, i) => {
        const own = senders.filter((sender) => sender % NODES === i);
        return node.ask('send', { own, messages: MESSAGES });
      }),
    );
    const everything = { first: MESSAGES, last: MESSAGES, missed: 0 };
    const report = { heard: senders.map(() => everything), faults: 0, lost: 0 };
    await expect
      .poll(() => all<Report>('report'), { timeout: 60_000, interval: 250 })
      .toEqual(nodes.map(() => report));
    const seconds = (performance.now() - began) / 1000;
    // What came twice would come a little later.
    await delay(1000);
    expect(await all<Report>('report')).toEqual(nodes.map(() => report));
    noteFigures('crowd', { deliveries: MEMBERS * SENDERS * MESSAGES, seconds });
  });
});
