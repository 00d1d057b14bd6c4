// The files that one message runs through, as recorded.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A function that ran, and how often. */
interface Call {
  readonly name: string;
  readonly calls: number;
}

/** One file on the way. */
export interface WalkedFile {
  /** Path from the root of the repository, with `/`. */
  readonly path: string;
  /** All lines of the file, comments too: a reader has them on the screen. */
  readonly lines: number;
  /** In order of the first call. */
  readonly functions: readonly Call[];
}

/** The ways that are recorded. */
export interface Walks {
  /** A frame in, through a handler of the application, and a frame out: what every message does. */
  readonly framed: readonly WalkedFile[];
  /** The same with an idle handler, a string codec and an echo handler of the library. */
  readonly usual: readonly WalkedFile[];
}

type Recorded = ReadonlyArray<Call & { readonly url: string }>;

const REGISTER = 'scripts/register.mjs';
const PROGRAM = 'scripts/walk/recording.ts';
/** What would have other code run. */
const SWITCHES = ['NODE_OPTIONS', 'NODE_PENDING_DEPRECATION', 'HEADRACE_PUBLIC_API_ONLY'];

function filesOf(root: string, recorded: Recorded): WalkedFile[] {
  const files = new Map<string, Call[]>();
  for (const { url, name, calls } of recorded) {
    const path = relative(root, fileURLToPath(url)).split(sep).join('/');
    const functions = files.get(path) ?? [];
    functions.push({ name, calls });
    files.set(path, functions);
  }
  return [...files].map(([path, functions]) => {
    const lines = readFileSync(join(root, path), 'utf8').trimEnd().split('\n').length;
    return { path, lines, functions };
  });
}

/** Runs the recording in a program of its own; half a second. */
export function recordWalks(root: string): Walks {
  const env = { ...process.env };
  for (const name of SWITCHES) delete env[name];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@headrace/source', '--import', `./${REGISTER}`, PROGRAM],
    { cwd: root, encoding: 'utf8', env, timeout: 60_000 },
  );
  if (status !== 0) throw new Error(`${PROGRAM} failed:\n${stderr}`);
  const { framed, usual } = JSON.parse(stdout) as Record<keyof Walks, Recorded>;
  return { framed: filesOf(root, framed), usual: filesOf(root, usual) };
}

export function callsOf({ functions }: WalkedFile): number {
  return functions.reduce((sum, { calls }) => sum + calls, 0);
}

/** `19 files, 3407 lines, 100 calls`. */
export function totalOf(walk: readonly WalkedFile[]): string {
  const lines = walk.reduce((sum, file) => sum + file.lines, 0);
  const calls = walk.reduce((sum, file) => sum + callsOf(file), 0);
  return `${walk.length} files, ${lines} lines, ${calls} calls`;
}
