import { expect, it } from 'vitest';
import { rowsFor } from '../../benchmarks/cost/one-node.ts';

const table = { nodes: { 20: { echo: 1, TLS: 2 }, 26: { echo: 3 } } };

it('writes rows into those of the same Node, and never beside those of another', () => {
  expect(rowsFor(table, 20, true)).toEqual(table.nodes[20]);
  expect(rowsFor(table, 26, false)).toEqual(table.nodes[26]);
  expect(rowsFor(table, 22, false)).toEqual({});
  expect(() => rowsFor(table, 22, true)).toThrow(
    'the table is of Node 20, 26, this is Node 22: write all rows',
  );
});
