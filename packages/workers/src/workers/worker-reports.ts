import { type Clock, systemClock } from '@headrace/core';
import { attempted, toError } from '@headrace/core/authoring';
import { joinStatus, type StatusReport } from '@headrace/handlers/health';
import type { WorkerMessage } from './worker-message.ts';

/** A worker that is asked for its report. */
export interface AskedWorker {
  readonly id: number;
  /** Name for people. */
  readonly name: string;
}

type Reported = Extract<WorkerMessage, { readonly headrace: 'reported' }>;

interface OpenQuestion {
  readonly id: number;
  readonly resolve: (report: StatusReport) => void;
  readonly reject: (error: Error) => void;
}

/** The questions of the primary for the reports of its workers. */
export class WorkerReports {
  private readonly send: (id: number, message: WorkerMessage) => void;
  private readonly clock: Clock;
  private readonly open = new Map<number, OpenQuestion>();
  private asked = 0;

  constructor(send: (id: number, message: WorkerMessage) => void, clock: Clock = systemClock) {
    this.send = send;
    this.clock = clock;
  }

  /** Asks all workers at the same time. A worker that does not report is missing in the report. */
  async collect(workers: readonly AskedWorker[], timeoutMs: number): Promise<StatusReport> {
    return joinStatus(await Promise.all(workers.map((worker) => this.ask(worker, timeoutMs))));
  }

  answered(id: number, { question, status, failure }: Reported): void {
    const open = this.open.get(question);
    if (open?.id !== id) return;
    if (failure !== undefined) open.reject(new Error(String(failure)));
    else if (isReport(status)) open.resolve(status);
    else open.reject(new Error('its status returned no report'));
  }

  ended(id: number): void {
    for (const open of this.open.values()) {
      if (open.id === id) open.reject(new Error('it has ended'));
    }
  }

  private async ask({ id, name }: AskedWorker, timeoutMs: number): Promise<StatusReport> {
    this.asked += 1;
    const question = this.asked;
    const error = (): Error => new Error(`it did not answer within ${timeoutMs} ms`);
    const limit = { clock: this.clock, timeoutMs, error };
    const answer = (): Promise<StatusReport> =>
      new Promise((resolve, reject) => {
        this.open.set(question, { id, resolve, reject });
        this.send(id, { headrace: 'report', question });
      });
    try {
      return await attempted(answer, { limit });
    } catch (thrown) {
      return { processes: [], missing: [{ name, why: toError(thrown).message }] };
    } finally {
      this.open.delete(question);
    }
  }
}

/** An application can return anything. */
function isReport(status: unknown): status is StatusReport {
  const { processes, missing } = (status ?? {}) as {
    readonly [Name in keyof StatusReport]: unknown;
  };
  return Array.isArray(processes) && Array.isArray(missing);
}
