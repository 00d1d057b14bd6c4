import type { ChildProcess } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { NatsCluster } from '../../../store/test/fixture/nats-cluster.ts';
import { killsAndRestarts } from './kills-and-restarts.ts';
import type { LogName } from './log-process.ts';
import { PrimaryLog } from './primary-log.ts';

const CLIENTS = 1000;
/** 20 messages in a second, of each end of each channel, which leaves half of two cores to other tests. A record has what one turn of the event loop brings: each message alone would cost one. */
const LOAD = { perTick: 20, tickMs: 1000, silenceMs: 0, retryMs: 250 };
const KILLS = 5;
const RESTARTS = 2 * KILLS;
const EVENTS = Array.from({ length: KILLS }, () => ['restart', 'restart', 'kill'] as const).flat();
/** Of processes that stand still and go on; the clients leave them by their silence. */
const PAUSES = 6;
const PAUSED_CLIENTS = 100;
const PAUSED_LOAD = { perTick: 5, tickMs: 500, silenceMs: 5000, retryMs: 250 };
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

interface LogServer {
  readonly port: number;
  readonly serve?: (child: ChildProcess) => void;
  readonly end: () => Promise<void>;
}

/** The log in the memory of the process that starts the others. */
const primaryLog = async (): Promise<LogServer> => {
  return { port: 0, serve: new PrimaryLog().serve, end: async () => {} };
};

const LOGS: readonly (readonly [LogName, string, string, () => Promise<LogServer>])[] = [
  ['primary', 'a primary process', '', primaryLog],
  [
    'redis',
    `a real ${REDIS_SERVER.command}`,
    missing(REDIS_SERVER),
    () => BusServer.start(REDIS_SERVER),
  ],
  [
    'jetstream',
    `a real ${NATS_SERVER.command}`,
    missing(NATS_SERVER),
    () => BusServer.start(NATS_SERVER),
  ],
];

for (const [log, place, why, start] of LOGS) {
  const title = `${CLIENTS} clients with calls under way go through ${RESTARTS} rolling restarts and ${KILLS} kills, and nothing is lost or comes twice`;

  describe.runIf(why === '')(`a log in ${place}${why}`, () => {
    it(
      title,
      async () => {
        const server = await start();
        try {
          const counts = await killsAndRestarts({
            log,
            logPorts: [server.port],
            ...(server.serve !== undefined && { serveLog: server.serve }),
            clients: CLIENTS,
            load: LOAD,
            events: EVENTS,
          });
          const { answered, calls, notices, resumed, underWay } = counts;
          expect(answered).toBe(calls);
          // Nearly all clients are where a process goes; those that were slow may be at the other one.
          const most = (CLIENTS * EVENTS.length) / 2;
          expect([resumed > most, calls > most, notices > most]).toEqual([true, true, true]);
          // Some of them in each process that went.
          expect(underWay).toBeGreaterThan(EVENTS.length);
        } finally {
          await server.end();
        }
      },
      TIMEOUT_MS,
    );

    it(
      `${PAUSED_CLIENTS} clients leave processes that stand still ${PAUSES} times and go on with the same channels, and nothing is lost or comes twice`,
      async () => {
        const server = await start();
        try {
          const { answered, calls, resumed } = await killsAndRestarts({
            log,
            logPorts: [server.port],
            ...(server.serve !== undefined && { serveLog: server.serve }),
            clients: PAUSED_CLIENTS,
            load: PAUSED_LOAD,
            events: Array(PAUSES).fill('pause'),
          });
          expect(answered).toBe(calls);
          // All have left the first for the second, and then each one that stood still.
          expect(resumed).toBeGreaterThan((PAUSED_CLIENTS * PAUSES) / 2);
        } finally {
          await server.end();
        }
      },
      TIMEOUT_MS,
    );
  });
}

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
