import { expect, it } from 'vitest';
import { rowsFor } from '../../benchmarks/cost/one-node.ts';

const table = { node: 20, rows: { echo: 1, TLS: 2 } };

it('writes rows into those of the same Node, and never beside those of another', () => {
  expect(rowsFor(table, 20, true)).toEqual(table.rows);
  expect(rowsFor(table, 20, false)).toEqual(table.rows);
  expect(rowsFor(table, 22, false)).toEqual({});
  expect(() => rowsFor(table, 22, true)).toThrow(
    'the table is of Node 20, this is Node 22: write all rows',
  );
});
