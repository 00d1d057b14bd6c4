/** Events of the workers, for the option `onWorker` of `runWorkers`. */
export type WorkerEvent =
  /** A worker is ready. `info` is the value that its `start` gave. */
  | (AboutWorker & { readonly type: 'started'; readonly info: unknown })
  /** The process of a worker is gone; `isExpected` if it had to end. */
  | (AboutWorker & {
      readonly type: 'ended';
      readonly code: number | null;
      readonly signal: string | null;
      readonly isExpected: boolean;
    })
  /** A worker ended before it was ready, `failures` times in a row by now. */
  | (AboutWorker & { readonly type: 'failed'; readonly error: Error; readonly failures: number })
  /** After this time, a new worker replaces one that crashed or failed. */
  | { readonly type: 'restarting'; readonly number: number; readonly delayMs: number }
  /** All workers have been replaced. */
  | { readonly type: 'restarted' }
  /** The new workers do not start; the remaining old ones stay. */
  | { readonly type: 'restart-abandoned'; readonly error: Error };

/** The worker of an event. */
export interface AboutWorker {
  /** The number of its slot, from 1. */
  readonly number: number;
  /** How many processes this slot has had, this one included. */
  readonly generation: number;
  /** The id of its process. */
  readonly pid: number;
}
