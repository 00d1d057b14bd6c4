// States without a bus, behind the bus of a bench.
import { MemoryHub, memoryBus } from '@headrace/bus';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { MemoryState } from '../../src/memory/memory-state.ts';
import { OwnStates } from '../../src/memory/memory-states.ts';
import { MemoryStreams } from '../../src/memory/memory-streams.ts';
import { provideStores } from '../../src/stores/bus-stores.ts';
import { describeStores } from '../../src/testing/index.ts';

const clock = new VirtualClock();
const hub = new MemoryHub();
const states = new MemoryStreams((start) => new MemoryState(undefined, start));

describeStores(
  { describe, it, expect },
  {
    name: 'memory of the process',
    make: () => {
      const bus = memoryBus({ hub });
      provideStores(bus, { openStates: () => new OwnStates(clock, states) });
      return bus;
    },
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
