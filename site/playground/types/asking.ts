// Asks the worker that knows types. There is one for all editors of a page; without it nothing is known.
import type { Answer, Compiler, Question } from './messages.ts';

type Ask = (question: Question) => Promise<unknown>;

function started(): Ask {
  const worker = new Worker(new URL('./types-worker.js', import.meta.url), { type: 'module' });
  const waiting = new Map<number, (answer?: unknown) => void>();
  let isLost = false;
  let id = 0;
  worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    waiting.get(data.id)?.(data.answer);
    waiting.delete(data.id);
  });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    isLost = true;
    worker.terminate();
    for (const give of waiting.values()) give();
    waiting.clear();
  });
  return (question) =>
    new Promise((resolve) => {
      if (isLost) return resolve(undefined);
      id += 1;
      waiting.set(id, resolve);
      worker.postMessage({ ...question, id });
    });
}

let asked: Ask | undefined;

/** @returns the compiler's answer; `undefined` when it could not be loaded */
export async function ask<Name extends keyof Compiler>(
  name: Name,
  ...about: Parameters<Compiler[Name]>
): Promise<ReturnType<Compiler[Name]> | undefined> {
  asked ??= started();
  const question = { ask: name, about } as Question;
  return (await asked(question)) as ReturnType<Compiler[Name]> | undefined;
}
