import type { AppendPlace, LoggedSession, SessionLog } from '@headrace/lasting';

interface Stored {
  readonly records: readonly Buffer[];
  readonly revision: string;
}

/** A log in memory that can lose its newest records, like a server that starts again from a snapshot. */
export class RestorableLog implements SessionLog {
  readonly keepMs = 600_000;
  private stored = new Map<string, Stored>();
  private snapshot = new Map<string, Stored>();
  private lastRevision = 0;

  get ids(): string[] {
    return [...this.stored.keys()];
  }

  takeSnapshot(): void {
    this.snapshot = new Map(this.stored);
  }

  restore(): void {
    this.stored = new Map(this.snapshot);
  }

  async read(id: string): Promise<LoggedSession | undefined> {
    return this.stored.get(id);
  }

  async append(
    id: string,
    record: Uint8Array,
    { after, replaces }: AppendPlace,
  ): Promise<string | undefined> {
    const stored = this.stored.get(id);
    const bytes = Buffer.from(record);
    if (stored?.records.at(-1)?.equals(bytes) === true) return stored.revision;
    if (after !== stored?.revision) return undefined;
    this.lastRevision += 1;
    const revision = String(this.lastRevision);
    const before = replaces ? [] : (stored?.records ?? []);
    this.stored.set(id, { records: [...before, bytes], revision });
    return revision;
  }

  async remove(id: string, after: string): Promise<void> {
    if (this.stored.get(id)?.revision === after) this.stored.delete(id);
  }
}
