import { describe, expect, it } from 'vitest';
import { VirtualNodes } from '../help/virtual-nodes.ts';

describe('a bus that is silent', () => {
  it('does not make other nodes look gone, even if it was silent shortly before', async () => {
    const nodes = new VirtualNodes();
    const [a, b] = [await nodes.join(), await nodes.join()];
    await nodes.pass(3000);
    const left: string[] = [];
    a.on('nodeLeft', (node, reason) => left.push(`${node.id} ${reason}`));
    for (let i = 0; i < 3; i++) {
      nodes.hub.stop();
      await nodes.pass(2800);
      nodes.hub.start();
      // Long enough for a node to hear itself, and too short for the heartbeat of the other.
      await nodes.pass(i === 2 ? 3000 : 100);
    }
    expect(left).toEqual([]);
    expect(a.nodes.map(({ life }) => life)).toEqual(['alive', 'alive']);
    await b.leave();
  });

  it('gives a node that is silent its time when it delivers again', async () => {
    const nodes = new VirtualNodes();
    const [a, b] = [await nodes.join(), await nodes.join()];
    await nodes.pass(3000);
    const left: string[] = [];
    a.on('nodeLeft', (node, reason) => left.push(`${node.id} ${reason}`));
    nodes.hub.kill();
    await nodes.pass(20_000);
    b.parts.wire.bus.publish = () => 'sent';
    nodes.hub.start();
    const { bus } = a.parts.wire;
    while (bus.state !== 'up') await nodes.pass(10);
    await nodes.pass(1500);
    expect(left).toEqual([]);
    await nodes.pass(5000);
    expect(left).toEqual([`${b.nodeId} node-gone`]);
  });
});
