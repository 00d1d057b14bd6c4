/** Events of the workers, for the option `onWorker` of `runWorkers`. */
export type WorkerEvent =
  /** A worker is ready. `info` is the value that its `start` returned. */
  | (AboutWorker & { readonly type: 'started'; readonly info: unknown })
  /** The process of a worker has ended. `isExpected` is true if the worker had to end. */
  | (AboutWorker & {
      readonly type: 'ended';
      readonly code: number | null;
      readonly signal: string | null;
      readonly isExpected: boolean;
    })
  /** A worker ended before it was ready. `failures` is the number of such failures in a row. */
  | (AboutWorker & { readonly type: 'failed'; readonly error: Error; readonly failures: number })
  /** A new worker replaces a crashed or failed worker after `delayMs`. */
  | { readonly type: 'restarting'; readonly number: number; readonly delayMs: number }
  /** All workers have been replaced. */
  | { readonly type: 'restarted' }
  /** The new workers did not start. The remaining old workers stay. */
  | { readonly type: 'restart-abandoned'; readonly error: Error };

/** The worker of an event. */
export interface AboutWorker {
  /** The number of its slot, from 1. */
  readonly number: number;
  /** The number of processes that this slot has had, including this process. */
  readonly generation: number;
  readonly pid: number;
}
