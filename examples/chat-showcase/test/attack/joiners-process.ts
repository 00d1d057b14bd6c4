import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What they heard so far. */
export interface JoinersReport {
  readonly signedIn: number;
  /** Of those that signed in. */
  readonly byes: number;
  /** Of those that signed in: their connections broke. */
  readonly resets: number;
  /** When the last of them heard it, in milliseconds since 1970. */
  readonly lastByeAt: number;
  readonly open: number;
  /** Lines about others, all members together. */
  readonly joins: number;
  /** In so many pieces, each with some: the server made at least as many writes. */
  readonly pieces: number;
}

/** Members that come all at once, in some processes of their own. */
export class Joiners implements Disposable {
  private readonly processes: readonly ChildProcess[];

  private constructor(processes: readonly ChildProcess[]) {
    this.processes = processes;
  }

  static async start(port: number, count: number, processes = 4): Promise<Joiners> {
    const script = new URL('./joiners.mjs', import.meta.url);
    const all = Array.from({ length: processes }, (_, i) =>
      fork(script, [port, count / processes, `joiner-${i}`].map(String), { execArgv: [] }),
    );
    await Promise.all(all.map((one) => once(one, 'message')));
    return new Joiners(all);
  }

  begin(): void {
    for (const one of this.processes) one.send('begin');
  }

  async report(): Promise<JoinersReport> {
    const reports = this.processes.map(async (one) => {
      one.send('report');
      const [report] = (await once(one, 'message')) as [JoinersReport];
      return report;
    });
    const sum = (key: keyof JoinersReport) => all.reduce((total, one) => total + one[key], 0);
    const all = await Promise.all(reports);
    return {
      signedIn: sum('signedIn'),
      byes: sum('byes'),
      resets: sum('resets'),
      lastByeAt: Math.max(...all.map(({ lastByeAt }) => lastByeAt)),
      open: sum('open'),
      joins: sum('joins'),
      pieces: sum('pieces'),
    };
  }

  async until(is: (report: JoinersReport) => boolean): Promise<JoinersReport> {
    for (;;) {
      const report = await this.report();
      if (is(report)) return report;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  [Symbol.dispose](): void {
    for (const one of this.processes) one.kill('SIGKILL');
  }
}
