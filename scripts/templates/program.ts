// A program of a template, started as a user starts it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;

/** A program that runs. */
export class Program {
  private readonly child: ChildProcess;
  private output = '';
  private readonly ended: Promise<unknown>;

  constructor(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: npm, the shell and the program end together, as by Ctrl+C.
      detached: true,
    });
    this.ended = once(this.child, 'close');
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  /** Waits until the output matches; rejects with the output if it does not in time. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    for (const end = Date.now() + START_TIMEOUT_MS; Date.now() < end; ) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (this.child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`its output never matched ${pattern}:\n${this.output}`);
  }

  /** The port that it says it listens on. */
  async port(): Promise<number> {
    return Number((await this.waitFor(/listening on \S+?:(\d+)/))[1]);
  }

  /** Sends SIGTERM to it and what it started, and waits for its end; returns its exit code. */
  async terminate(): Promise<number | null> {
    if (this.child.exitCode === null) this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
    return this.child.exitCode;
  }

  /** Waits for its end; its exit code and all that it printed. */
  async finished(): Promise<{ code: number | null; output: string }> {
    await this.ended;
    return { code: this.child.exitCode, output: this.output.trim() };
  }

  private signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.child.pid!, signal);
    } catch {
      // It has ended by itself.
    }
  }
}
