import type { StateRow } from '@headrace/durable';

/** A database with one table: rows by key, whose versions grow over all rows. */
export class Database {
  readonly rows = new Map<string, StateRow<number> & { readonly rowVersion: number }>();
  /** Number of the last change. */
  sequence = 0;
  /** Number of calls of `getState`. */
  reads = 0;
  /** What a call does instead of giving the rows, if anything. */
  instead: (() => unknown) | undefined = undefined;

  /** Returns the version of the change. */
  put(key: string, value: number): number {
    this.sequence += 1;
    this.rows.set(key, { key, value, rowVersion: this.sequence });
    return this.sequence;
  }

  /** Returns the version of the change. */
  drop(key: string): number {
    this.sequence += 1;
    this.rows.delete(key);
    return this.sequence;
  }

  readonly getState = async (): Promise<readonly StateRow<number>[]> => {
    this.reads += 1;
    const given = this.instead?.();
    return given === undefined ? [...this.rows.values()] : (given as StateRow<number>[]);
  };
}
