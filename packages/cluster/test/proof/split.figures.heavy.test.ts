import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BusServer, missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { figures, noteFigures } from '../../../core/test/fixture/figure.ts';
import { BusProxy } from './bus-proxy.ts';
import { NodeProcess } from './node-process.ts';

const MEMBERS = 2000;
/** After the bus of a node is away for 3 s, its next try may be a second later, and the events of others with it. */
const SETTLED_MS = 4000;
const EQUAL_WITHIN_MS = 2000;
const BOUNDS = {
  'joins and leaves by 3 s': { below: 1 },
  'one view after ms': { below: EQUAL_WITHIN_MS },
};

interface Events {
  readonly joined: number;
  readonly left: number;
}

const absent = missing(NATS_SERVER);
let server: BusServer | undefined;
let proxies: BusProxy[] = [];
let nodes: NodeProcess[] = [];

async function endAll(): Promise<void> {
  await Promise.all(nodes.map((node) => node.kill()));
  await Promise.all(proxies.map((proxy) => proxy.end()));
  nodes = [];
  proxies = [];
  await server?.end();
}

afterEach(endAll);

const idsOf = (node: number, from = 0, to = MEMBERS): string[] =>
  Array.from({ length: to - from }, (_, i) => `${node}-${from + i}`);
const all = <R>(order: string): Promise<R[]> =>
  Promise.all(nodes.map((node) => node.ask<R>(order)));

describe.runIf(absent === '')(`a split of three nodes${absent}`, () => {
  const measure = async () => {
    await endAll();
    server = await BusServer.start(NATS_SERVER);
    const { port } = server;
    // The first node stays with the server; the second is refused there, the third gets no answer.
    const refused = await BusProxy.start(port);
    const silent = await BusProxy.start(port);
    proxies = [refused, silent];
    const ports = [port, refused.port, silent.port];
    const start = (bus: object) => NodeProcess.start('./presence-program.ts', { bus });
    nodes = await Promise.all(ports.map((one) => start({ kind: 'nats', port: one })));
    await Promise.all(nodes.map((node, i) => node.ask('add', { ids: idsOf(i) })));
    const everybody = nodes.flatMap((_, i) => idsOf(i));
    await expectView(everybody, 60_000);
    const before = await all<Events>('events');

    const split = async (ms: number, meanwhile?: () => Promise<unknown>) => {
      silent.fallSilent();
      await refused.cut();
      await meanwhile?.();
      await delay(ms);
      await refused.listen();
      silent.speak();
    };
    await split(3000);
    await delay(SETTLED_MS);
    const noticed = changes(await all<Events>('events')) - changes(before);

    // Some come and go while they are apart.
    const [one, two] = [nodes[1]!, nodes[2]!];
    await split(10_000, async () => {
      await one.ask('remove', { ids: idsOf(1, 0, 500) });
      await two.ask('add', { ids: idsOf(2, MEMBERS, MEMBERS + 500) });
    });
    const healedAt = performance.now();
    const apart = await all<Events>('events');
    const after = [...idsOf(0), ...idsOf(1, 500), ...idsOf(2, 0, MEMBERS + 500)];
    await expectView(after, 60_000);
    const equalMs = performance.now() - healedAt;
    const together = await all<Events>('events');
    noteFigures('split', { before, apart, together, equalMs });
    const [first, ...others] = together.map(({ joined, left }, i) => ({
      joined: joined - before[i]!.joined,
      left: left - before[i]!.left,
    }));
    // To the first node, those of both other nodes went away, and came back.
    expect(apart[0]!.left - before[0]!.left).toBeGreaterThanOrEqual(2 * MEMBERS);
    expect(first!.joined).toBeGreaterThanOrEqual(2 * MEMBERS);
    // To the others the bus was silent, so they kept what they knew, and see only what has changed.
    const changed = { joined: 500, left: 500 };
    expect(others).toEqual([changed, changed]);
    return { 'joins and leaves by 3 s': noticed, 'one view after ms': equalMs };
  };

  it('is not noticed after 3 s, and after 10 s all have one view within 2 s', () =>
    figures('a split of three nodes', BOUNDS, measure));
});

function changes(events: readonly Events[]): number {
  return events.reduce((sum, { joined, left }) => sum + joined + left, 0);
}

async function expectView(ids: readonly string[], timeout: number): Promise<void> {
  const view = ids.toSorted();
  await expect
    .poll(() => all<string[]>('view'), { timeout, interval: 50 })
    .toEqual(nodes.map(() => view));
}
