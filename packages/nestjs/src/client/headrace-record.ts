import { describeOptions, time } from '@headrace/core/authoring';

/** Options of one request or event. */
export interface HeadraceRecordOptions {
  /** From `send` to the first answer, from `emit` to the kernel, in milliseconds. @default the client's */
  readonly timeoutMs?: number | false;
  /** Between two answers to one request, in milliseconds. @default the client's */
  readonly gapTimeoutMs?: number | false;
}

const OPTIONS = describeOptions('HeadraceRecord', { timeoutMs: time(), gapTimeoutMs: time() });

/**
 * Data with options of its own, for `send` and `emit` of a HeadraceClient; the peer gets the data alone.
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
  /** The payload of the message. */
  readonly data: T;
  readonly options: HeadraceRecordOptions;

  /** @throws OptionError if an option is not valid */
  constructor(data: T, options: HeadraceRecordOptions) {
    OPTIONS.resolve(options);
    this.data = data;
    this.options = options;
  }
}
