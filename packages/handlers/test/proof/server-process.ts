import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** A script of this folder in a process of its own, which reports by lines what it has done. */
export class ServerProcess implements Disposable {
  readonly process: ChildProcess;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
  private output = '';
  private wake: () => void = () => {};

  constructor(script: string, ...args: readonly (string | number)[]) {
    const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
    this.process = spawn(
      process.execPath,
      [
        '--expose-gc',
        '--conditions=@headrace/source',
        '--import',
        register,
        pathOf(script),
        ...args.map(String),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.wake();
      });
    }
    this.exited = new Promise((resolve) =>
      this.process.on('exit', (code) => {
        this.output += '\nexited\n';
        this.wake();
        resolve(code);
      }),
    );
  }

  /** Waits for a line and returns what follows its beginning. */
  async line(beginning: string): Promise<string> {
    for (;;) {
      const lines = this.output.split('\n');
      const found = lines.slice(0, -1).find((line) => line.startsWith(beginning));
      if (found !== undefined) return found.slice(beginning.length).trim();
      if (lines.includes('exited')) throw new Error(`no line "${beginning}":\n${this.output}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  [Symbol.dispose](): void {
    this.process.kill('SIGKILL');
  }
}
