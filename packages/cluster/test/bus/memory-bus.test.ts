import { VirtualClock } from '@headrace/core/testing';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import { MemoryHub, memoryBus } from '../../src/bus/memory/memory-bus.ts';
import { describeBus } from '../../src/testing/index.ts';
import { Nodes } from '../nodes.ts';

const clock = new VirtualClock();
const hub = new MemoryHub();

describeBus(
  { describe, it, expect },
  {
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
    },
  },
);

describe('a hub that goes and comes', () => {
  it('keeps no followers of links that have ended', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    durableGroup(a, 'room').add(nodes.channel());
    await nodes.pass(100);
    const stream = nodes.hub.relay.stream('hr.ptest.d.proom');
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
