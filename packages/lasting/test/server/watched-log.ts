import type { SessionLog } from '@headrace/lasting';

/** A log whose answers are let through, and whose records can be looked at. */
export class WatchedLog implements SessionLog {
  isStopped = false;
  appends = 0;
  readonly ids = new Set<string>();
  readonly removed: string[] = [];
  readonly keepMs: number;
  /** Whether what tables write to each other is lost. */
  losesNotes = false;
  /** The tables that have notes. */
  readonly notes = new Set<string>();
  private readonly log: SessionLog;
  private waiting: (() => void)[] = [];
  /** Channels whose appends wait. */
  private readonly held = new Map<string, (() => void)[]>();

  constructor(log: SessionLog) {
    this.log = log;
    this.keepMs = log.keepMs;
  }

  async read(id: string) {
    if (isOfTable(id)) return this.log.read(id);
    await this.pass();
    return this.log.read(id);
  }

  async append(...call: Parameters<SessionLog['append']>) {
    const [id] = call;
    if (isOfTable(id)) {
      if (this.losesNotes) return undefined;
      this.notes.add(id);
      return this.log.append(...call);
    }
    this.appends += 1;
    this.ids.add(id);
    await this.pass();
    const held = this.held.get(id);
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    return this.log.append(...call);
  }

  async remove(id: string, after: string) {
    if (isOfTable(id)) this.notes.delete(id);
    else this.removed.push(id);
    await this.log.remove(id, after);
  }

  resume(): void {
    this.isStopped = false;
    for (const pass of this.waiting.splice(0)) pass();
  }

  /** Lets no record of these channels through until `release`. */
  hold(...ids: readonly string[]): void {
    for (const id of ids) this.held.set(id, []);
  }

  release(id: string): void {
    const waiting = this.held.get(id)!;
    this.held.delete(id);
    for (const pass of waiting) pass();
  }

  /** Number of appends of this channel that wait. */
  waitingFor(id: string): number {
    return this.held.get(id)?.length ?? 0;
  }

  private async pass(): Promise<void> {
    if (this.isStopped) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

/** The names of channels have 32 digits. */
function isOfTable(id: string): boolean {
  return id.length === 12;
}
