// A table has the figures of one major version of Node.

/** Figures by the names of their rows. */
export interface Costs<F> {
  readonly node: number;
  readonly rows: Readonly<Record<string, F>>;
}

/**
 * The rows into which what was measured on this Node is written: those of the table, or none if it is of another Node.
 *
 * @param isPart - not all rows are measured
 * @throws Error if only a part of the rows would be replaced by those of another Node
 */
export function rowsFor<F>(table: Costs<F>, node: number, isPart: boolean): Record<string, F> {
  if (table.node === node) return { ...table.rows };
  if (!isPart) return {};
  throw new Error(`the table is of Node ${table.node}, this is Node ${node}: write all rows`);
}
