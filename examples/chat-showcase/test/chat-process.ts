// The chat's programs as processes of their own, started from source as `npm start` does, or bundled.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export class ChatProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** The exit code, or the signal that ended it. */
  readonly exit: Promise<number | string | null>;

  constructor(
    program: 'main' | `examples/${string}` | `${string}.mjs`,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ) {
    const fromSource = ['--conditions=@headrace/source', '--import', '@oxc-node/core/register'];
    const isBundled = program.endsWith('.mjs');
    const isPath = isBundled || program.startsWith('examples/');
    const file = isPath ? program : `examples/chat-showcase/src/${program}.ts`;
    const loader = isBundled ? [] : fromSource;
    this.child = spawn(process.execPath, [...loader, file, ...args], {
      cwd: root,
      env: { ...process.env, NETTY_TCP_PORT: '0', ...env },
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exit = new Promise((resolve) => {
      this.child.on('close', (code, signal) => resolve(code ?? signal));
    });
  }

  /** Waits until standard output matches. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      const more = new Promise<boolean>((resolve) => {
        this.child.stdout!.once('data', () => resolve(true));
        void this.exit.then(() => resolve(false));
      });
      if (!(await more))
        throw new Error(`it ended without ${pattern}: ${this.stdout}${this.stderr}`);
    }
  }

  /** The port of a server that has just been started. */
  async port(): Promise<number> {
    const [, port] = await this.says(
      /^listening tcp:\/\/127\.0\.0\.1:(\d+) http:\/\/127\.0\.0\.1:\1\/\n/,
    );
    return Number(port);
  }

  /** The processes of the nodes of a cluster's chat, by number: those that were started last. */
  async nodes(count: number, generation = 1): Promise<number[]> {
    for (let number = 1; number <= count; number++) {
      await this.says(new RegExp(`(?:node ${number}: process \\d+\\n[^]*?){${generation}}`));
    }
    const pids: number[] = [];
    for (const [, number, pid] of this.stdout.matchAll(/^node (\d+): process (\d+)$/gm)) {
      pids[Number(number) - 1] = Number(pid);
    }
    return pids;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
