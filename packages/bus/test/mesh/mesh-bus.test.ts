import { describe, expect, it } from 'vitest';
import { meshBus } from '../../src/mesh.ts';
import { describeBus } from '../../src/testing/index.ts';
import { MeshWorld } from './mesh-world.ts';

const world = new MeshWorld();
await world.pass(10);

describeBus(
  { describe, it, expect },
  {
    name: 'a mesh',
    make: () => meshBus(world.place()),
    clock: world.nodes.clock,
    pass: (ms) => world.pass(ms),
    server: {
      kill: () => world.sim.stop('switch'),
      start: () => world.sim.restart('switch'),
      stop: () => world.sim.freeze('switch'),
      continue: () => world.sim.thaw('switch'),
    },
  },
);
