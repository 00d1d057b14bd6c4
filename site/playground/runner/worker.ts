// Runs one sample: its imports are the bundled packages, its console goes to the page. It is over when its code has
// ended and nothing is left that would keep a program of Node running.
import { active } from '../shims/active-handles.ts';
import type * as Files from '../shims/fs.ts';
import { Buffer, process } from '../shims/globals.ts';
import timers from '../shims/timers.ts';
import { asPrinted } from './as-printed.ts';
import { type FromWorker, MAX_CHARACTERS, MAX_LINES, type ToWorker } from './messages.ts';
import { asFunction } from './transform.ts';
import type * as Rewriting from './without-await.ts';

const LOOK_MS = 5;
/** What `new AsyncFunction` puts above its body. */
const LINES_ABOVE = 2;
const later = globalThis.setTimeout;
const SIMULATION = '@headrace/simulation';
/** Its client is that of pages, which meets a server of the same sample. */
const WEB_SOCKETS = '@headrace/websocket';

function tell(message: FromWorker): void {
  self.postMessage(message);
}

function bundled(file: string): Promise<object> {
  const url = new URL(`./${file}.js`, import.meta.url).href;
  return import(/* @vite-ignore */ url);
}

type Module = Readonly<Record<string, unknown>>;

/** What a member of the default export becomes, as when a simulation forbids a call, the import of its name becomes, too. */
function asRequired(module: Module): object {
  const { default: whole = {} } = module as { default?: Module };
  const required = { __esModule: true, ...module };
  for (const [name, value] of Object.entries(module)) {
    if (whole[name] !== value) continue;
    Object.defineProperty(required, name, { get: () => whole[name], enumerable: true });
  }
  return required;
}

type Maker = new (...args: string[]) => (...values: unknown[]) => Promise<void>;
/** By `Function`, because the bundle's own functions have no `async`. */
const AsyncFunction = new Function('return (async () => {}).constructor')() as Maker;

/** The sample as a function of these names; one with a simulation is followed through its awaits. */
async function functionOf(
  body: string,
  isFollowed: boolean,
  names: Record<string, unknown>,
): Promise<() => Promise<void>> {
  if (isFollowed) {
    const { runSteps, withoutAwait } = (await bundled('without-await')) as typeof Rewriting;
    const rewritten = withoutAwait(body);
    if (rewritten !== undefined) {
      const followed = new Function(...Object.keys(names), 'runSteps', rewritten);
      return () => followed(...Object.values(names), runSteps);
    }
  }
  const native = new AsyncFunction(...Object.keys(names), body);
  return () => native(...Object.values(names));
}

async function load(specifiers: readonly string[], modules: Readonly<Record<string, string>>) {
  const loaded = new Map<string, object>();
  for (const name of specifiers) {
    const file = modules[name] ?? modules[`node:${name}`];
    if (file === undefined) throw new Error(`${name} is not there in a page`);
    loaded.set(name, asRequired((await bundled(file)) as Module));
  }
  if (loaded.has(WEB_SOCKETS)) Object.assign(globalThis, await bundled('web-socket'));
  return (name: string): object => loaded.get(name)!;
}

async function run({ code, modules }: ToWorker): Promise<void> {
  const { body, imports } = asFunction(code);
  const require = await load(imports, modules);
  let lines = 0;
  const show = (message: FromWorker): void => {
    lines += 1;
    if (lines <= MAX_LINES) tell(message);
    else if (lines === MAX_LINES + 1) {
      tell({ do: 'fail', text: `it was stopped after ${MAX_LINES} lines` });
    }
  };
  const print =
    (stream: 'out' | 'error') =>
    (...values: unknown[]): void =>
      show({ do: 'print', stream, text: asPrinted(values).slice(0, MAX_CHARACTERS) });
  const console = {
    ...globalThis.console,
    log: print('out'),
    info: print('out'),
    debug: print('out'),
    warn: print('error'),
    error: print('error'),
  };
  const isSimulation = imports.includes(SIMULATION);
  if (isSimulation) {
    const { onPicture } = (await bundled('fs')) as typeof Files;
    onPicture((picture) => show({ do: 'draw', picture }));
  }
  // A simulation replaces what it forbids: the names of timers must lead to the global object, as on Node.
  Object.assign(globalThis, timers);
  const names = { require, exports: {}, console, Buffer, process, global: globalThis };
  const sample = await functionOf(body, isSimulation, names);
  // Timers of the polyfills themselves do not count.
  active.clear();
  await sample();
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

self.addEventListener('error', ({ error, message }) => {
  if (!process.emit('uncaughtException', error ?? message)) failed(error ?? message);
});
self.addEventListener('unhandledrejection', (event) => {
  // The browser is not to print what a simulation takes.
  event.preventDefault();
  if (!process.emit('unhandledRejection', event.reason)) failed(event.reason);
});
self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  run(data).then(() => tell({ do: 'end' }), failed);
});
