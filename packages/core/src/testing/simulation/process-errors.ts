/**
 * Takes what would end the process while a simulation runs: exceptions out of callbacks, and rejections that nobody
 * handles. The listeners that are there, a test runner's, are put aside. Returns what puts them back.
 */
export function takeProcessErrors(failed: (error: unknown) => void): () => void {
  const restore = [take('uncaughtException', failed), take('unhandledRejection', failed)];
  return () => {
    for (const one of restore) one();
  };
}

type Listener = (...args: unknown[]) => void;

function take(event: string, failed: (error: unknown) => void): () => void {
  const emitter = process as NodeJS.EventEmitter;
  const before = emitter.listeners(event) as Listener[];
  emitter.removeAllListeners(event);
  const listener = (error: unknown) => failed(error);
  emitter.on(event, listener);
  return () => {
    emitter.removeListener(event, listener);
    for (const one of before) emitter.on(event, one);
  };
}
