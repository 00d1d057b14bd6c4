import { SharedChange } from './shared-change.ts';

/** Gets what would end the process. */
export type ProcessErrorTaker = (error: unknown) => void;

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

type Listener = (...args: unknown[]) => void;

/**
 * Takes the errors that would end the process while a simulation runs: uncaught exceptions and
 * unhandled rejections. The listeners that are there, a test runner's, are put aside until the last
 * simulation ends. Returns a function that ends the taking.
 */
export function takeProcessErrors(taker: ProcessErrorTaker): () => void {
  return errors.use(taker);
}

const errors = new SharedChange<ProcessErrorTaker>((takers) => {
  const restore = EVENTS.map((event) => take(process as NodeJS.EventEmitter, event, takers));
  return () => {
    for (const one of restore) one();
  };
});

function take(
  emitter: NodeJS.EventEmitter,
  event: string,
  takers: ReadonlySet<ProcessErrorTaker>,
): () => void {
  const before = emitter.listeners(event) as Listener[];
  const listener = (error: unknown) => {
    for (const taker of takers) taker(error);
  };
  emitter.removeAllListeners(event);
  emitter.on(event, listener);
  return () => {
    emitter.removeListener(event, listener);
    for (const one of before) emitter.on(event, one);
  };
}
