import { execFileSync } from 'node:child_process';

/**
 * While it lives, this process and those that it starts go before the machine's other work, where the system
 * lets us: what else runs shall not be measured. Nice values would not do: Linux weighs them within one
 * session only.
 */
export class RaisedPriority implements Disposable {
  private readonly isRaised = schedule('--rr', 1);

  [Symbol.dispose](): void {
    if (this.isRaised) schedule('--other', 0);
  }
}

/** All threads, the collector's, too: the main one waits for them. */
function schedule(policy: string, priority: number): boolean {
  try {
    const args = ['--all-tasks', policy, '--pid', String(priority), String(process.pid)];
    execFileSync('chrt', args, { stdio: 'ignore' });
    return true;
  } catch {
    // No superuser, or no Linux: the measurement is then what the machine makes of it.
    return false;
  }
}
