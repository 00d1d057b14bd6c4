import { describeOptions, time } from '@headrace/core/authoring';

/** Options of one request or event. */
export interface HeadraceRecordOptions {
  /**
   * Time limit from `send` to the first answer, or from `emit` until the kernel accepts the event, in milliseconds.
   * @default the client's
   */
  readonly timeoutMs?: number | false;
  /** Time limit between two answers to one request, in milliseconds. @default the client's */
  readonly gapTimeoutMs?: number | false;
}

const OPTIONS = describeOptions('HeadraceRecord', { timeoutMs: time(), gapTimeoutMs: time() });

/**
 * Data with its own options, for `send` and `emit` of a HeadraceClient. The peer receives only the data.
 *
 * @example
 * ```ts check
 * import { HeadraceClient, HeadraceRecord } from '@headrace/nestjs';
 *
 * const client = new HeadraceClient({ servers: [{ host: '127.0.0.1', port: 3000 }] });
 * const report = client.send('report', new HeadraceRecord({ year: 2026 }, { timeoutMs: 60_000 }));
 * report.subscribe(console.log);
 * ```
 */
export class HeadraceRecord<T = unknown> {
  readonly data: T;
  readonly options: HeadraceRecordOptions;

  /** @throws OptionError if an option is not valid */
  constructor(data: T, options: HeadraceRecordOptions) {
    OPTIONS.resolve(options);
    this.data = data;
    this.options = options;
  }
}
