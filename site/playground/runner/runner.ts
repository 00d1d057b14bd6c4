// For the page: runs a sample in a worker of its own, and stops it when its time is over.
import { messageOf } from './from-worker.ts';
import { type Failure, MAX_LINES, type ToWorker } from './messages.ts';

export interface SampleSink {
  printed(text: string, stream: 'out' | 'error'): void;
  /** @param picture - the text of an SVG */
  drawn?(picture: string): void;
  /** Called once. @param failure - why it did not end by itself */
  ended(failure?: Failure): void;
}

const LIMIT_MS = 10_000;
let modules: Promise<Record<string, string>> | undefined;

/** Starts a sample. The answer stops it. */
export function runSample(code: string, sink: SampleSink, limitMs = LIMIT_MS): () => void {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  let isOver = false;
  const end = (failure?: Failure): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    worker.terminate();
    sink.ended(failure);
  };
  const timer = setTimeout(
    () => end({ text: `it was stopped: it did not end within ${limitMs / 1000} s` }),
    limitMs,
  );
  worker.addEventListener('error', ({ message }) => end({ text: message || 'the worker failed' }));
  let lines = 0;
  worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    const message = isOver ? undefined : messageOf(data);
    if (message === undefined) return;
    if (message.do === 'fail') end(message);
    else if (message.do === 'end') end();
    else if (lines === MAX_LINES) end({ text: `it was stopped after ${MAX_LINES} lines` });
    else {
      lines += 1;
      if (message.do === 'print') sink.printed(message.text, message.stream);
      else sink.drawn?.(message.picture);
    }
  });
  modules ??= fetch(new URL('./modules.json', import.meta.url)).then((answer) => answer.json());
  modules.then(
    (found) => worker.postMessage({ code, modules: found } satisfies ToWorker),
    () => {
      modules = undefined;
      end({ text: 'the packages could not be loaded' });
    },
  );
  return () => end({ text: 'stopped' });
}
