/** Passes pieces on in order, each later by its own delay after the one before; at once while there is none. */
export class DelayedPieces {
  private readonly waiting: { readonly dueAt: number; readonly pass: () => void }[] = [];
  private readonly delayOf: () => number;
  private isArmed = false;

  constructor(delayOf: () => number) {
    this.delayOf = delayOf;
  }

  add(pass: () => void): void {
    const delayMs = this.delayOf();
    if (delayMs === 0 && this.waiting.length === 0) {
      pass();
      return;
    }
    this.waiting.push({ dueAt: performance.now() + delayMs, pass });
    this.arm();
  }

  private arm(): void {
    const [first] = this.waiting;
    if (this.isArmed || first === undefined) return;
    this.isArmed = true;
    setTimeout(() => this.passDue(), Math.max(0, first.dueAt - performance.now()));
  }

  private passDue(): void {
    this.isArmed = false;
    const now = performance.now();
    while (this.waiting.length > 0 && this.waiting[0]!.dueAt <= now) this.waiting.shift()!.pass();
    this.arm();
  }
}
