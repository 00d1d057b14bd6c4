// Runs test files in a process of its own, so that what hangs can be ended.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Trial, TrialResult } from './trial.ts';

/** A process with a warm vitest. */
export class Laboratory {
  private readonly root: string;
  private process: ReturnType<Laboratory['start']>;

  constructor(root: string) {
    this.root = root;
    this.process = this.start();
  }

  private start() {
    const module = fileURLToPath(new URL('trial.ts', import.meta.url));
    // A group of its own: a hanging worker ends with it.
    const child = fork(module, {
      cwd: this.root,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: true,
    });
    return { child, ready: Promise.race([once(child, 'message'), once(child, 'exit')]) };
  }

  /** The result, and the milliseconds that it took without the start of the process. */
  async run(trial: Trial): Promise<TrialResult & { readonly tookMs: number }> {
    await this.process.ready;
    const began = performance.now();
    const result = await this.resultOf(trial);
    return { ...result, tookMs: performance.now() - began };
  }

  private async resultOf(trial: Trial): Promise<TrialResult> {
    const { child } = this.process;
    child.send(trial);
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), trial.limitMs);
    const { signal } = patience;
    try {
      const [result] = await Promise.race([
        once(child, 'message', { signal }),
        once(child, 'exit', { signal }),
      ]);
      if (typeof result === 'object' && result !== null) return result;
      this.process = this.start();
      return { failed: `the process ended with ${result}` };
    } catch {
      this.end();
      this.process = this.start();
      return { failed: `it hangs: nothing for ${Math.round(trial.limitMs / 1000)} s` };
    } finally {
      clearTimeout(timer);
      patience.abort();
    }
  }

  end(): void {
    process.kill(-this.process.child.pid!, 'SIGKILL');
  }
}
