import { MemoryHub, memoryBus } from '@headrace/bus';
import { type BusBench, describeBus } from '@headrace/bus/testing';
import { VirtualClock } from '@headrace/core/testing';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import { Nodes } from '../../../cluster/test/nodes.ts';
import { describeStores } from '../../src/testing/index.ts';
import { forgetAll, logsOf } from '../fixture/engines.ts';

const clock = new VirtualClock();
const hub = new MemoryHub();

const bench: BusBench = {
  name: 'memory',
  make: () => memoryBus({ hub }),
  clock,
  pass: async (ms) => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(Math.min(50, left));
      await new Promise(setImmediate);
    }
    clock.runTasks();
  },
  server: {
    kill: () => hub.kill(),
    start: () => hub.start(),
    stop: () => hub.stop(),
    continue: () => hub.start(),
    restore: () => forgetAll(hub.relay),
  },
};
describeBus({ describe, it, expect }, bench);
describeStores({ describe, it, expect }, bench);

describe('a hub that goes and comes', () => {
  it('keeps no followers of links that have ended', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    durableGroup(a, 'room').add(nodes.channel());
    await nodes.pass(100);
    const stream = logsOf(nodes.hub.relay).of('hr.ptest.d.proom');
    for (let i = 0; i < 5; i++) {
      expect(stream.followerCount).toBe(1);
      nodes.hub.kill();
      await nodes.pass(100);
      expect(stream.followerCount).toBe(0);
      nodes.hub.start();
      await nodes.pass(3000);
    }
    const leaving = a.leave();
    await nodes.pass(100);
    await leaving;
    expect(stream.followerCount).toBe(0);
  });
});
