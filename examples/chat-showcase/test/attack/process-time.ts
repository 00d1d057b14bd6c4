import { closeSync, openSync, readSync } from 'node:fs';

/**
 * The time that a process's main thread has been running on a processor. On a machine that does other work too,
 * whoever waits for a busy server waits for those others as well; this tells the two apart. Linux only: elsewhere
 * {@link nowMs} is the time of day.
 */
export class ProcessTime implements Disposable {
  private readonly file: number | undefined;
  private readonly bytes = Buffer.alloc(64);

  constructor(pid: number) {
    try {
      this.file = openSync(`/proc/${pid}/schedstat`, 'r');
    } catch {
      this.file = undefined;
    }
  }

  nowMs(): number {
    if (this.file === undefined) return performance.now();
    const length = readSync(this.file, this.bytes, 0, this.bytes.length, 0);
    const [nanoseconds = '0'] = this.bytes.toString('latin1', 0, length).split(' ', 1);
    return Number(nanoseconds) / 1e6;
  }

  [Symbol.dispose](): void {
    if (this.file !== undefined) closeSync(this.file);
  }
}
