// A state group whose nodes are killed, stopped and ended, and whose server is killed.
import { expect, it, onTestFinished } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { KilledStates } from './killed-states.ts';

const SEED = 7;
const SERVERS = { nats: NATS_SERVER, redis: REDIS_SERVER };

for (const kind of ['nats', 'redis'] as const) {
  const absent = missing(SERVERS[kind]);

  it.runIf(absent === '')(
    `a state over ${kind} loses no acknowledged change when nodes and the server are killed, stand still and leave${absent}`,
    async () => {
      const server = await BusServer.start(SERVERS[kind]);
      onTestFinished(() => server.end());
      const states = await KilledStates.start(kind, server, SEED);
      onTestFinished(() => states.close());
      await states.kill();
      await states.standStill();
      await states.killServer();
      await states.end();
      const { shared, ...map } = await states.maps();
      const wrong = [...states.keys].filter(([key, { acknowledged, asked }]) => {
        const [value] = map[key] ?? [0];
        return value < acknowledged || value > asked;
      });
      expect(wrong).toEqual([]);
      expect(states.keys.size).toBeGreaterThan(0);
      const { added, unknown } = states;
      const [sum] = shared!;
      expect(sum).toBeGreaterThanOrEqual(added);
      expect(sum).toBeLessThanOrEqual(added + unknown);
    },
  );
}
