import { expect, it } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { NatsCluster } from '../../../store/test/fixture/nats-cluster.ts';
import { killsAndRestarts } from './kills-and-restarts.ts';

/** They try again as clients do by default. */
const RESTARTED_CLIENTS = 500;
const SERVERS = 4;
const QUIET_LOAD = { perTick: 1, tickMs: 1000, silenceMs: 0, retryMs: 0 };
/** Longest pause of a client that comes before its channel. */
const COME_AGAIN_MS = 800;
/** Of a process and a server of the log at a time. */
const KILLED_CLIENTS = 100;
const KILLED_MS = 10_000;
/** Time after an election, which takes up to nine seconds. */
const AFTER_ELECTION_MS = 2000;
/** For what hangs only. */
const TIMEOUT_MS = 900_000;

const noRedis = missing(REDIS_SERVER);
it.runIf(noRedis === '')(
  `${RESTARTED_CLIENTS} clients wait for no retry policy in a rolling restart of ${SERVERS} processes${noRedis}`,
  async () => {
    const server = await BusServer.start(REDIS_SERVER);
    try {
      const { longestPauseMs, resumed } = await killsAndRestarts({
        log: 'redis',
        logPorts: [server.port],
        clients: RESTARTED_CLIENTS,
        servers: SERVERS,
        load: QUIET_LOAD,
        events: Array(SERVERS).fill('restart'),
      });
      expect(resumed).toBeGreaterThanOrEqual(RESTARTED_CLIENTS);
      expect(longestPauseMs).toBeLessThanOrEqual(COME_AGAIN_MS);
    } finally {
      await server.end();
    }
  },
  TIMEOUT_MS,
);

const noNats = missing(NATS_SERVER);
it.runIf(noNats === '')(
  `${KILLED_CLIENTS} clients go on within ${KILLED_MS} ms when their process and the server that leads the log are killed${noNats}`,
  async () => {
    const cluster = await NatsCluster.start();
    try {
      let electing: Promise<number> | undefined;
      const { longestAwayMs, resumed } = await killsAndRestarts({
        log: 'jetstream',
        logPorts: cluster.ports,
        clients: KILLED_CLIENTS,
        load: QUIET_LOAD,
        events: ['kill'],
        killed: () => {
          electing = cluster.killLeaderOf('hr_ptest+k+lasting');
        },
      });
      const electionMs = await electing!;
      expect(resumed).toBeGreaterThan(0);
      expect(longestAwayMs).toBeLessThan(Math.max(KILLED_MS, electionMs + AFTER_ELECTION_MS));
    } finally {
      await cluster.end();
    }
  },
  TIMEOUT_MS,
);
