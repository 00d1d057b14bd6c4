/** Measured delays in milliseconds, in memory that does not grow: a proof looks at the heap. */
export class Delays {
  private readonly values = new Float32Array(65_536);
  private count = 0;

  add(ms: number): void {
    this.values[this.count % this.values.length] = ms;
    this.count += 1;
  }

  /** What was measured since the last call. */
  take(): { readonly count: number; readonly p99: number; readonly max: number } {
    const values = this.values.slice(0, Math.min(this.count, this.values.length)).sort();
    const { count } = this;
    this.count = 0;
    const p99 = values[Math.floor(values.length * 0.99)] ?? 0;
    return { count, p99, max: values.at(-1) ?? 0 };
  }
}
