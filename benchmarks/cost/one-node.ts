// The table has rows of several major versions of Node, and each run writes those of its own.

/** Figures by the names of their rows, by versions. */
export interface Costs<F> {
  readonly nodes: Readonly<Record<string, Readonly<Record<string, F>>>>;
}

/**
 * The rows into which what was measured on this Node is written.
 *
 * @param isPart - not all rows are measured
 * @throws Error if a version of Node that the table does not have would get only a part of the rows
 */
export function rowsFor<F>(table: Costs<F>, node: number, isPart: boolean): Record<string, F> {
  const rows = table.nodes[node];
  if (rows !== undefined) return { ...rows };
  if (!isPart) return {};
  const nodes = Object.keys(table.nodes).join(', ');
  throw new Error(`the table is of Node ${nodes}, this is Node ${node}: write all rows`);
}
