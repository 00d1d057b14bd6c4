// headrace status URL
import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '@headrace/core';
import { onAbort, printable, toError } from '@headrace/core/authoring';
import type { ServedStatus } from '@headrace/handlers/health';
import { type AskOptions, askStatus, placeOf, type Target, targetsOf } from './ask-status.ts';
import { type CommandLine, HELP, readCommandLine } from './command-line.ts';
import { asciiJson, type Look, statusText } from './status-text.ts';
import { UserError } from './user-error.ts';

/** What a command needs of its process. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal in characters, or undefined if the output is not a terminal. */
  readonly columns: () => number | undefined;
  readonly print: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly clock: Clock;
  /** Aborts when nobody reads the output. */
  readonly signal: AbortSignal;
}

type ExitCode = 0 | 1 | 2;
type StatusLine = Extract<CommandLine, { readonly command: 'status' }>;

/** Moves to the top left corner of the terminal, and clears what follows. */
const CLEAR = '\x1b[H\x1b[J';

/** Runs the program with the arguments of this process. */
export async function main(): Promise<void> {
  const { stdout, stderr, env, argv } = process;
  const abort = new AbortController();
  // The reader of the output may close the pipe, as `head` does.
  for (const stream of [stdout, stderr]) stream.on('error', () => abort.abort());
  process.exitCode = await run(argv.slice(2), {
    env,
    columns: () => (stdout.isTTY ? stdout.columns : undefined),
    print: (text) => void stdout.write(text),
    warn: (text) => void stderr.write(text),
    clock: systemClock,
    signal: abort.signal,
  });
}

/** Runs a command, and returns the exit code. */
export async function run(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  try {
    const line = readCommandLine(args);
    if (line.command === 'help') {
      around.print(HELP);
      return 0;
    }
    const options = { key: keyOf(line.keyFile, around), timeoutMs: line.timeoutMs };
    let before: Look | undefined;
    for (;;) {
      const look = await lookAt(line, options);
      if (line.json) around.print(`${asciiJson(look, line.watch)}\n`);
      else {
        const columns = around.columns();
        const text = statusText(look, { columns, before });
        if (!line.watch) around.print(text);
        else around.print(columns === undefined ? `${text}\n` : `${CLEAR}${text}`);
      }
      for (const text of look.failures) around.warn(`headrace: ${text}\n`);
      if (!line.watch) return exitCodeOf(look);
      before = look;
      if (!around.signal.aborted) await passed(line.everyMs, around);
      if (around.signal.aborted) return exitCodeOf(look);
    }
  } catch (error) {
    const text = error instanceof UserError ? error.message : ((error as Error).stack ?? error);
    around.warn(`headrace: ${text}\n`);
    return 2;
  }
}

/** @throws UserError if the file cannot be read, or the key cannot be one */
function keyOf(file: string | undefined, { env }: Surroundings): string | undefined {
  const key = file === undefined ? env['HEADRACE_KEY'] : textOf(file);
  if (key === undefined || key === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  const where = file ?? 'HEADRACE_KEY';
  throw new UserError(`${where} has no key: a key has visible ASCII characters without spaces`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** Asks all programs at the same time. The addresses of names are looked up each time. */
async function lookAt({ urls, all }: StatusLine, options: AskOptions): Promise<Look> {
  const ask = (target: Target): Promise<ServedStatus | UserError> =>
    askStatus(target, options).catch((error: unknown) => userError(error, placeOf(target)));
  const answers = urls.map(async (url) => {
    const failed = (error: unknown): UserError => userError(error, url.host);
    const targets = all ? await targetsOf(url).catch(failed) : [{ url }];
    return targets instanceof UserError ? [targets] : Promise.all(targets.map(ask));
  });
  const statuses: ServedStatus[] = [];
  const failures: string[] = [];
  for (const answer of (await Promise.all(answers)).flat()) {
    if (answer instanceof UserError) failures.push(answer.message);
    else statuses.push(answer);
  }
  return { statuses, failures };
}

/** One program that cannot be asked, for whatever reason, must not end the look at the others. */
function userError(error: unknown, place: string): UserError {
  if (error instanceof UserError) return error;
  return new UserError(printable(`${place} cannot be asked: ${toError(error).message}`));
}

function exitCodeOf({ statuses, failures }: Look): ExitCode {
  if (statuses.length === 0) return 2;
  const isWhole = statuses.every(
    ({ missing, notReady }) => missing.length === 0 && notReady.length === 0,
  );
  return isWhole && failures.length === 0 ? 0 : 1;
}

function passed(ms: number, { clock, signal }: Surroundings): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.schedule(() => {
      stopListening();
      resolve();
    }, ms);
    const stopListening = onAbort(signal, () => {
      timer.cancel();
      resolve();
    });
  });
}
