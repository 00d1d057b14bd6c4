// Types of a sample, in a worker: TypeScript and the declarations are loaded when the first editor is opened.
import type * as TypeScript from 'typescript';
import { compilerOf } from './compiler.ts';
import type { Answer, Compiler, Numbered } from './messages.ts';

/** The text of a file that is stored compressed: not every server compresses what it sends. */
async function unpacked(name: string): Promise<string> {
  const { ok, status, body } = await fetch(new URL(name, import.meta.url));
  if (!ok || body === null) throw new Error(`${name}: ${status}`);
  return new Response(body.pipeThrough(new DecompressionStream('gzip'))).text();
}

async function load(): Promise<Compiler> {
  const [program, declarations] = await Promise.all([
    unpacked('./typescript.packed'),
    unpacked('./declarations.packed'),
  ]);
  const url = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
  const { default: ts } = (await import(/* @vite-ignore */ url)) as { default: typeof TypeScript };
  URL.revokeObjectURL(url);
  return compilerOf(ts, new Map(Object.entries(JSON.parse(declarations) as object)));
}

const compiler = load();

async function answer({ id, ask, about }: Numbered): Promise<void> {
  const method = (await compiler)[ask] as (...values: typeof about) => unknown;
  self.postMessage({ id, answer: method(...about) } satisfies Answer);
}

self.addEventListener('message', ({ data }: MessageEvent<Numbered>) => {
  answer(data).catch((error: unknown) => {
    // The page hears of it, as of an error of this program.
    queueMicrotask(() => {
      throw error;
    });
  });
});
