/** Reads the fields of calls. Throws at a wrong field, for example from another version. */
export class CallReader {
  private readonly calls: readonly unknown[];
  private at = 0;

  constructor(calls: readonly unknown[]) {
    this.calls = calls;
  }

  get isAtEnd(): boolean {
    return this.at >= this.calls.length;
  }

  any(): unknown {
    const field = this.calls[this.at];
    this.at += 1;
    return field;
  }

  list(): readonly unknown[] {
    const field = this.any();
    if (!Array.isArray(field)) throw new TypeError('expected a list');
    return field;
  }

  text(): string {
    const field = this.any();
    if (typeof field !== 'string') throw new TypeError('expected a string');
    return field;
  }

  number(): number {
    const field = this.any();
    if (typeof field !== 'number') throw new TypeError('no number in this place');
    return field;
  }
}
