import cluster from 'node:cluster';
import { systemClock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { asWorkerMessage, errorText, type WorkerMessage } from './worker-message.ts';
import type { StartedWorker, WorkerDrain, WorkersPlan } from './worker-options.ts';

/** Environment variable of a worker: its slot, and the number of the process in this slot. */
export const PLACE_VARIABLE = 'HEADRACE_WORKER';

/** This process as a worker, which starts, reports that it is ready, and ends when the primary asks for it or is gone. */
export class WorkerProcess {
  private readonly plan: WorkersPlan;
  private readonly abort = new AbortController();
  private started: StartedWorker | undefined = undefined;
  private end: WorkerDrain | undefined = undefined;
  private isDraining = false;

  constructor(plan: WorkersPlan) {
    this.plan = plan;
  }

  async run(): Promise<void> {
    // Otherwise, node:cluster ends this process and its connections at once when the primary is gone.
    cluster.worker!.exitedAfterDisconnect = true;
    process.on('message', (message) => {
      const own = asWorkerMessage(message);
      if (own?.headrace === 'drain') this.mustEnd(own.why);
      else if (own?.headrace === 'leave') this.report({ headrace: 'left' }, 0);
      else if (own?.headrace === 'report') void this.answer(own.question);
    });
    process.once('disconnect', () => this.mustEnd('primary-gone'));
    process.on('SIGTERM', () => this.mustEnd('signal'));
    // A terminal sends these signals to all processes. Only the primary reacts to them.
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
    if (!process.connected) this.mustEnd('primary-gone');
    await this.start();
  }

  private async start(): Promise<void> {
    const [number = 1, generation = 1] = (process.env[PLACE_VARIABLE] ?? '').split('.').map(Number);
    const { reusePort } = this.plan;
    const { signal } = this.abort;
    try {
      this.started = await this.plan.start({ number, generation, reusePort, signal });
      if (typeof this.started?.drain !== 'function') {
        throw new TypeError('start must return an object with drain(): what ends the worker');
      }
      if (!['undefined', 'function'].includes(typeof this.started.status)) {
        throw new TypeError('the status that start returns must be a function');
      }
    } catch (thrown) {
      if (this.end === undefined)
        this.report({ headrace: 'failed', error: errorText(toError(thrown)) }, 1);
      else process.exit(0);
      return;
    }
    if (this.end === undefined) this.report({ headrace: 'ready', info: this.started.info ?? null });
    else void this.drain();
  }

  /** Sends the report of this worker, or why there is none. */
  private async answer(question: number): Promise<void> {
    try {
      if (this.started === undefined) throw new Error('it is starting');
      if (this.started.status === undefined) throw new Error('its start returned no status');
      this.report({ headrace: 'reported', question, status: await this.started.status() });
    } catch (thrown) {
      this.report({ headrace: 'reported', question, failure: toError(thrown).message });
    }
  }

  private mustEnd(why: WorkerDrain['why']): void {
    if (this.end !== undefined) return;
    const { drainTimeoutMs } = this.plan;
    this.end = { why, drainTimeoutMs };
    systemClock.schedule(() => process.exit(0), drainTimeoutMs + 500, true);
    this.abort.abort(new Error(`this worker has to end: ${why}`));
    if (this.started !== undefined) void this.drain();
  }

  private async drain(): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    try {
      await this.started!.drain(this.end!);
    } catch (thrown) {
      this.plan.logger.log('error', 'the drain of this worker failed', toError(thrown));
    }
    this.leave();
  }

  /**
   * Ends this process after the primary has taken back the connections that it assigned before it knew that the servers are
   * closed. A connection whose assignment is not answered is lost. If the primary does not answer, the timer ends the process.
   */
  private leave(): void {
    if (!process.connected) process.exit(0);
    process.once('disconnect', () => process.exit(0));
    this.report({ headrace: 'leaving' });
  }

  private report(message: WorkerMessage, exitCode?: number): void {
    const sent = (): void => {
      if (exitCode !== undefined) process.exit(exitCode);
    };
    if (process.connected) process.send!(message, undefined, undefined, sent);
    else sent();
  }
}
