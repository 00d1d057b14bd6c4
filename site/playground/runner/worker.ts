// Runs one sample: its imports are the bundled packages, its console goes to the page. It is over when its code has
// ended and nothing is left that would keep a program of Node running.
import { active } from '../shims/active-handles.ts';
import * as globals from '../shims/globals.ts';
import { asPrinted } from './as-printed.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { asFunction } from './transform.ts';

const LOOK_MS = 5;
/** What a page can show; a reader's endless loop is stopped there. */
const MAX_LINES = 1000;
const MAX_CHARACTERS = 10_000;
/** What `new AsyncFunction` puts above its body. */
const LINES_ABOVE = 2;
const later = globalThis.setTimeout;
/** Its client is that of pages, which meets a server of the same sample. */
const WEB_SOCKETS = '@headrace/websocket';

function tell(message: FromWorker): void {
  self.postMessage(message);
}

async function load(specifiers: readonly string[], modules: Readonly<Record<string, string>>) {
  const loaded = new Map<string, object>();
  for (const name of specifiers) {
    const file = modules[name] ?? modules[`node:${name}`];
    if (file === undefined) throw new Error(`${name} is not there in a page`);
    const url = new URL(`./${file}.js`, import.meta.url).href;
    loaded.set(name, { __esModule: true, ...((await import(/* @vite-ignore */ url)) as object) });
  }
  if (loaded.has(WEB_SOCKETS)) {
    const url = new URL('./web-socket.js', import.meta.url).href;
    Object.assign(globalThis, await import(/* @vite-ignore */ url));
  }
  return (name: string): object => loaded.get(name)!;
}

async function run({ code, modules }: ToWorker): Promise<void> {
  const { body, imports } = asFunction(code);
  const require = await load(imports, modules);
  let lines = 0;
  const print =
    (stream: 'out' | 'error') =>
    (...values: unknown[]): void => {
      lines += 1;
      if (lines <= MAX_LINES) {
        tell({ do: 'print', stream, text: asPrinted(values).slice(0, MAX_CHARACTERS) });
      } else if (lines === MAX_LINES + 1) {
        tell({ do: 'fail', text: `it was stopped after ${MAX_LINES} lines` });
      }
    };
  const console = {
    ...globalThis.console,
    log: print('out'),
    info: print('out'),
    debug: print('out'),
    warn: print('error'),
    error: print('error'),
  };
  // Timers of the polyfills themselves do not count.
  active.clear();
  const names = { require, exports: {}, console, ...globals };
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<void>;
  await new AsyncFunction(...Object.keys(names), body)(...Object.values(names));
  while (active.size > 0) await new Promise((resolve) => later(resolve, LOOK_MS));
}

function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: string }).code;
  return `${error.name}${code === undefined ? '' : ` [${code}]`}: ${error.message}`;
}

/** The line of the sample: where reading it stopped, or the last of its own calls. */
function lineOf(error: unknown): number | undefined {
  const { loc, stack } = (error ?? {}) as { loc?: { line: number }; stack?: unknown };
  if (loc !== undefined) return loc.line;
  const [, line] = /(?:<anonymous>|AsyncFunction):(\d+):\d+/.exec(String(stack)) ?? [];
  return line === undefined ? undefined : Number(line) - LINES_ABOVE;
}

function failed(error: unknown): void {
  const { help } = (error ?? {}) as { help?: unknown };
  const page = typeof help === 'string' ? help : undefined;
  tell({ do: 'fail', text: words(error), help: page, line: lineOf(error) });
}

self.addEventListener('error', ({ error, message }) => failed(error ?? message));
self.addEventListener('unhandledrejection', ({ reason }) => failed(reason));
self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  run(data).then(() => tell({ do: 'end' }), failed);
});
