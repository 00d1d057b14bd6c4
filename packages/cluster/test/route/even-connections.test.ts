import { EvenConnections, type NodeInfo } from '@headrace/cluster';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { rollingRestart } from '../../../client/test/retry/rolling-restart.ts';

const node = (connections: number, state: NodeInfo['state'] = 'ready'): NodeInfo => ({
  id: '',
  life: 'alive',
  state,
  address: { host: 'a', port: 1 },
  connections,
  load: 0,
  roles: [],
});

/** What a node with these connections, among these others, sends on in a second. */
function sentOn(nodes: readonly NodeInfo[]): number[] {
  const clock = new VirtualClock();
  const sent: number[] = [];
  const sendOn = (count: number): void => void sent.push(count);
  const even = new EvenConnections({ cluster: { nodes }, sendOn, clock, random: () => 0.5 });
  clock.advance(1000);
  even.stop();
  clock.advance(10_000);
  expect(clock.pendingTimers).toBe(0);
  return sent;
}

describe('EvenConnections', () => {
  it('sends a share of the excess on, and nothing near the mean', () => {
    expect(sentOn([node(180), node(20), node(0)])).toEqual([17]);
    expect(sentOn([node(18), node(2), node(0)])).toEqual([2]);
    expect(sentOn([node(102), node(97), node(100)])).toEqual([]);
    expect(sentOn([node(1), node(0), node(0)])).toEqual([]);
    expect(sentOn([node(0), node(1000)])).toEqual([]);
  });

  it('counts only nodes that take clients, and sends nothing on while this one drains', () => {
    expect(sentOn([node(100), node(0, 'draining'), { ...node(0), address: undefined }])).toEqual(
      [],
    );
    expect(sentOn([node(100), { ...node(0), life: 'suspect' }])).toEqual([]);
    expect(sentOn([node(100, 'draining'), node(0)])).toEqual([]);
    expect(sentOn([])).toEqual([]);
  });

  it('reports a sendOn that fails, and goes on', async () => {
    const clock = new VirtualClock();
    const logged: string[] = [];
    const fails = [
      () => {
        throw new Error('a');
      },
      () => Promise.reject(new Error('b')),
    ];
    using _even = new EvenConnections({
      cluster: { nodes: [node(9), node(0)] },
      sendOn: () => fails.shift()?.(),
      clock,
      random: () => 0,
      logger: { log: (_level, text, error) => void logged.push(`${text}: ${String(error)}`) },
    });
    clock.advance(3000);
    await new Promise(setImmediate);
    expect(logged).toEqual([
      'sendOn of EvenConnections failed: Error: a',
      'sendOn of EvenConnections failed: Error: b',
    ]);
  });

  it('waits a minute for a sendOn that never settles, and goes on', async () => {
    const clock = new VirtualClock();
    const logged: string[] = [];
    const sent: number[] = [];
    const even = new EvenConnections({
      cluster: { nodes: [node(20), node(0)] },
      sendOn: (count) => {
        sent.push(count);
        return new Promise(() => {});
      },
      share: 1,
      logger: { log: (_level, text, error) => logged.push(`${text}: ${error?.message}`) },
      clock,
      random: () => 0.5,
    });
    await passTime(clock, 60_000);
    expect([sent, logged]).toEqual([[10], []]);
    await passTime(clock, 3000);
    even.stop();
    expect(sent).toEqual([10, 10]);
    expect(logged).toEqual(['sendOn of EvenConnections failed: it did not settle within 60 s']);
  });

  it('does not send on again what is on its way', async () => {
    const clock = new VirtualClock();
    const sent: number[] = [];
    let isOver = (): void => {};
    using _even = new EvenConnections({
      cluster: { nodes: [node(300), node(0), node(0)] },
      sendOn: (count) => {
        sent.push(count);
        return new Promise<void>((resolve) => {
          isOver = resolve;
        });
      },
      share: 1,
      clock,
      random: () => 0,
    });
    // The connections have calls under way, so that their ends take a while.
    clock.advance(8000);
    expect(sent).toEqual([200]);
    isOver();
    await new Promise(setImmediate);
    clock.advance(1000);
    expect(sent).toEqual([200, 200]);
  });

  it('makes connections even after servers were replaced one after the other, without a herd', async () => {
    const before: number[] = [];
    const { sizes, longestMs, peak } = await rollingRestart({
      clients: 300,
      servers: 3,
      afterwards: async ({ servers, clock, pass }) => {
        const all = [...servers.values()];
        before.push(...all.map(({ connections }) => connections.size));
        const evens = all.map((server, i) => {
          const cluster = {
            get nodes() {
              const others = all.filter((other) => other !== server);
              return [server, ...others].map(({ connections }) => node(connections.size));
            },
          };
          const sendOn = (count: number) => server.sendOn(count);
          return new EvenConnections({ cluster, sendOn, clock, random: () => i / 3 });
        });
        await pass(60_000);
        for (const even of evens) even.stop();
      },
    });
    expect(Math.min(...before)).toBe(0);
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(1.5);
    expect(longestMs).toBeLessThan(400);
    expect(peak).toBeLessThan(90);
  });
});
