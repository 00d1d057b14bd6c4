import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const REGISTER = new URL('../../../../scripts/register.mjs', import.meta.url).href;
const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** A line of JSON that the program printed. */
export type Line = Readonly<Record<string, unknown>>;

/** A program of the tests in a process of its own: the primary of some workers. */
export class ProgramProcess {
  readonly lines: Line[] = [];
  stderr = '';
  /** It has ended, and all was read that it and its workers printed: those hold its pipes as well. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly #gone: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  /** @param program - from this folder on, or the path of a bundled one */
  constructor(program: string, env: Readonly<Record<string, string>> = {}) {
    const fromSource = ['--conditions=@headrace/source', '--import', REGISTER];
    const args = [...(program.endsWith('.mjs') ? [] : fromSource), pathOf(program)];
    const { NODE_CHANNEL_FD: _, ...inherited } = process.env;
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, ...env },
    });
    this.#gone = once(this.#child, 'exit');
    // What was printed last may be read after `exit`.
    this.exited = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }));
    this.#child.stderr!.on('data', (text: Buffer) => {
      this.stderr += String(text);
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line));
      for (const look of [...this.#waiting]) look();
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The first line, from a given one on, that has these values; fails if none comes. */
  async line(values: Line, from = 0, withinMs = 60_000): Promise<Line> {
    const find = (): Line | undefined =>
      this.lines
        .slice(from)
        .find((line) => Object.entries(values).every(([name, value]) => line[name] === value));
    let found = find();
    if (found !== undefined) return found;
    let look!: () => void;
    let timer!: NodeJS.Timeout;
    await new Promise<void>((resolve, reject) => {
      look = () => {
        found = find();
        if (found !== undefined) resolve();
      };
      const text = () => `no line ${JSON.stringify(values)} among\n${this.text()}\n${this.stderr}`;
      timer = setTimeout(() => reject(new Error(text())), withinMs);
      this.#waiting.add(look);
    }).finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(look);
    });
    return found!;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Its workers may outlive it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  private text(): string {
    return this.lines.map((line) => JSON.stringify(line)).join('\n');
  }
}
