import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { freePort } from '../../../core/test/fixture/free-port.ts';
import { ChildProgram } from '../child-program.ts';
import type { ClientCounts } from './log-clients.ts';
import type { LogName, OverReport } from './log-process.ts';
import { type Load, textOf } from './numbered-exchange.ts';

/** What a server process says. */
interface Told {
  readonly port?: number;
  readonly wrong?: string;
  readonly note?: string;
  readonly over?: OverReport;
}

/** A server process, and what it has said. */
class ServerProgram {
  readonly program: ChildProgram;
  readonly serves: Promise<unknown>;
  wrong: string | undefined = undefined;
  /** The last of what it logged, and how channels ended. */
  readonly notes: string[] = [];
  private report: OverReport | undefined = undefined;

  constructor(name: LogName, logPorts: readonly number[], port: number, load: Load) {
    const args = [name, logPorts.join(), port, textOf(load)];
    this.program = new ChildProgram('./server/log-process.ts', ...args);
    let isServing = (): void => {};
    this.serves = new Promise<void>((resolve, reject) => {
      isServing = resolve;
      this.program.process.once('exit', () => reject(new Error('it ended before it served')));
    });
    this.serves.catch(() => {});
    this.program.process.on('message', ({ port: its, wrong, note, over }: Told) => {
      if (its !== undefined) isServing();
      this.wrong ??= wrong;
      if (note !== undefined) this.notes.push(`${port}: ${note}`);
      if (this.notes.length > MAX_NOTES) this.notes.shift();
      this.report ??= over;
    });
  }

  /** It stands still, and goes on where it was as if no time had passed. */
  pause(): void {
    this.program.process.kill('SIGSTOP');
  }

  resume(): void {
    this.program.process.kill('SIGCONT');
  }

  /** By SIGTERM; its channels are in the log then. */
  async stop(): Promise<OverReport | undefined> {
    const exited = once(this.program.process, 'exit');
    this.program.process.kill('SIGTERM');
    await exited;
    return this.report;
  }
}

/** What {@link killsAndRestarts} does. */
export interface KillsAndRestarts {
  readonly log: LogName;
  /** Ports of the servers of the log. */
  readonly logPorts: readonly number[];
  /** Is called with each server process, for a log in this one. @default does nothing */
  readonly serveLog?: (child: ChildProcess) => void;
  readonly clients: number;
  /** Number of server processes. @default 2 */
  readonly servers?: number;
  readonly load: Load;
  /** In this order, of the servers in turn. */
  readonly events: readonly ('restart' | 'kill' | 'pause')[];
  /** Is called together with each kill. @default does nothing */
  readonly killed?: () => void;
}

/** The counts at the end. */
export interface EndCounts extends ClientCounts {
  /** Calls that had no answer when a process was stopped or killed. */
  readonly underWay: number;
}

const CLIENT_PROCESSES = 2;
const MAX_NOTES = 50;

/** Sums what several processes say. */
function sumOf(all: readonly ClientCounts[]): ClientCounts {
  return all.reduce((one, other) => ({
    said: one.said + other.said,
    calls: one.calls + other.calls,
    answered: one.answered + other.answered,
    notices: one.notices + other.notices,
    resumed: one.resumed + other.resumed,
    unanswered: one.unanswered + other.unanswered,
    longestAwayMs: Math.max(one.longestAwayMs, other.longestAwayMs),
    longestPauseMs: Math.max(one.longestPauseMs, other.longestPauseMs),
    wrong: one.wrong ?? other.wrong,
  }));
}

/**
 * Clients that talk all the time with servers, which share a log and are restarted and killed in turn. Checks that nothing is
 * lost or comes twice. Nothing is timed: each step goes on when each client was heard in its new process.
 */
export async function killsAndRestarts({
  log,
  logPorts,
  serveLog,
  clients,
  servers: serverCount = 2,
  load,
  events,
  killed = () => {},
}: KillsAndRestarts): Promise<EndCounts> {
  const ports: number[] = [];
  while (ports.length < serverCount) ports.push(await freePort());
  const start = (index: number): ServerProgram => {
    const server = new ServerProgram(log, logPorts, ports[index]!, load);
    serveLog?.(server.program.process);
    return server;
  };
  const servers = ports.map((_, index) => start(index));
  const all = [...servers];
  const share = clients / CLIENT_PROCESSES;
  const groups = Array.from(
    { length: CLIENT_PROCESSES },
    (_, index) =>
      new ChildProgram('./server/log-clients.ts', share, index * share, textOf(load), ...ports),
  );
  const ask = async (order: string): Promise<ClientCounts> => {
    const counts = sumOf(await Promise.all(groups.map((group) => group.ask<ClientCounts>(order))));
    const wrong = [counts.wrong, ...all.map((one) => one.wrong)];
    const text = wrong.filter((one) => one !== undefined).join('\n');
    if (text !== '') throw new Error([text, ...all.flatMap(({ notes }) => notes)].join('\n'));
    return counts;
  };
  let underWay = 0;
  try {
    await Promise.all([
      ...servers.map(({ serves }) => serves),
      ...groups.map((group) => group.told()),
    ]);
    await ask('begin');
    await ask('round');
    for (const [number, event] of events.entries()) {
      const index = number % serverCount;
      const server = servers[index]!;
      underWay += (await ask('counts')).unanswered;
      if (event === 'pause') {
        server.pause();
        // Each client has left it, while it still has its channel.
        await ask('round');
        server.resume();
        await ask('round');
        continue;
      }
      if (event === 'kill') {
        killed();
        await server.program.kill();
      } else {
        const report = await server.stop();
        expect(report).toEqual({ moved: expect.any(Number), failures: [], left: 0 });
        expect(report!.moved).toBeGreaterThan(0);
      }
      expect(server.wrong).toBeUndefined();
      // Each client has come to the other process, and both ends have said something there, while this one starts anew.
      servers[index] = start(index);
      all.push(servers[index]);
      await ask('round');
      await servers[index]!.serves;
    }
    return { ...(await ask('finish')), underWay };
  } finally {
    await Promise.all(
      [...servers.map(({ program }) => program), ...groups].map((one) => one.kill()),
    );
  }
}
