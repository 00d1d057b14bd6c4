import type { ChildProcess } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { killsAndRestarts } from './kills-and-restarts.ts';
import type { LogName } from './log-process.ts';

const CLIENTS = 1000;
/** 20 messages in three seconds, of each end of each channel, which leaves half of two cores to other tests. A record has what one turn of the event loop brings: each message alone would cost one. */
const LOAD = { perTick: 20, tickMs: 3000, silenceMs: 0, retryMs: 250 };
const KILLS = 5;
const RESTARTS = 2 * KILLS;
const EVENTS = Array.from({ length: KILLS }, () => ['restart', 'restart', 'kill'] as const).flat();
/** Of processes that stand still and go on; the clients leave them by their silence. */
const PAUSES = 6;
const PAUSED_CLIENTS = 100;
const PAUSED_LOAD = { perTick: 5, tickMs: 500, silenceMs: 5000, retryMs: 250 };
/** For what hangs only. */
const TIMEOUT_MS = 900_000;

export interface LogServer {
  readonly port: number;
  readonly serve?: (child: ChildProcess) => void;
  readonly end: () => Promise<unknown>;
}

/**
 * Kills, restarts and stops processes whose clients have calls under way.
 *
 * @param why - what is missing for the log, or an empty text
 */
export function describeKills(
  log: LogName,
  place: string,
  why: string,
  start: () => Promise<LogServer>,
): void {
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
