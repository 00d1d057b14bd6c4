import type { ServerResponse } from 'node:http';
import { type Logger, systemClock } from '@headrace/core';
import { attempted, toError } from '@headrace/core/authoring';
import { failureLog } from '../metrics/failure-log.ts';
import { freshFor } from '../metrics/fresh-for.ts';
import type { ServedStatus, StatusReport } from './status-report.ts';

/** Makes the report of `/status`. */
export type StatusSource = () => StatusReport | Promise<StatusReport>;

/** Time for which a report is answered again, because making it looks at many channels. */
const MAX_AGE_MS = 250;

/** What a {@link StatusPage} needs of its server. */
interface StatusPageOwner {
  readonly logger: Logger;
  /** Maximum time for a report, in milliseconds. */
  readonly timeoutMs: number;
  readonly notReady: () => readonly string[];
}

/** Answers `/status`. A report that fails or takes too long is answered with 500. */
export class StatusPage {
  private readonly made: () => Promise<string>;
  /** The report that is being made, so that slow reports do not pile up. */
  private making: Promise<string> | undefined = undefined;
  private readonly failed: (text: string, error: Error) => void;

  constructor(source: StatusSource, owner: StatusPageOwner) {
    const { timeoutMs } = owner;
    const error = (): Error => new Error(`the report took longer than ${timeoutMs} ms`);
    const limit = { clock: systemClock, timeoutMs, error };
    this.failed = failureLog(owner.logger);
    this.made = freshFor(MAX_AGE_MS, async () => {
      const { processes, missing } = await attempted(async () => source(), { limit });
      const status: ServedStatus = {
        headrace: 'status',
        version: 1,
        notReady: owner.notReady(),
        processes,
        missing,
      };
      return JSON.stringify(status);
    });
  }

  answer(response: ServerResponse): void {
    this.making ??= this.made();
    const { making } = this;
    making.then(
      (text) => {
        this.making = undefined;
        const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
        response.writeHead(200, headers).end(text);
      },
      (error: unknown) => {
        if (this.making === making) {
          this.failed('the status could not be made', toError(error));
        }
        this.making = undefined;
        // The answer does not reveal the error.
        response
          .writeHead(500, { 'content-type': 'text/plain' })
          .end('the status could not be made\n');
      },
    );
  }
}
