import { SharedChange } from './shared-change.ts';

/** A function that receives errors that would end the process. */
export type ProcessErrorTaker = (error: unknown) => void;

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

type Listener = (...args: unknown[]) => void;

/**
 * Takes the uncaught exceptions and unhandled rejections that would end the process while a simulation runs. Existing
 * listeners, such as those of a test runner, are removed until the last simulation ends. Returns a function that ends the use
 * of `taker`.
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
