// What work costs, counted instead of timed, on each Node of cost/table.json: `npm run check -- cost` compares it with the
// table, and plants losses that the table must catch; `npm run cost -- --gate` does so on this Node, for what is the same on
// a busy machine; `npm run cost -- TLS` does so for the rows with this in their names, and prints them; `npm run cost --
// --write` writes the table; `--node 26` does any of it on one Node.
import { parseArgs } from 'node:util';
import { type Figures, measure } from './cost/measure.ts';
import { rowsFor } from './cost/one-node.ts';
import { PLANTED } from './cost/planted.ts';
import { isCounted, ROWS, type Row } from './cost/rows.ts';
import { excesses, OF_COUNTS, readTable, writeTable } from './cost/table.ts';
import { NODES, onNode, thisNode } from './harness/on-node.ts';
import { buildPackages } from './harness/packages.ts';

/** A loss shows in each of them. */
const RUNS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    gate: { type: 'boolean', default: false },
    node: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const tolerances = values.gate ? OF_COUNTS : undefined;
const rows = ROWS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
).filter((row) => !values.gate || isCounted(row));
const table = readTable();
if (process.platform !== 'linux') {
  console.log('not compared: the costs are of Linux');
  process.exit();
}
const named = values.gate ? `${thisNode}` : values.node;
for (const node of named === undefined ? NODES : [Number(named)]) {
  const elsewhere = await onNode(node, '--node', `${node}`);
  if (elsewhere !== undefined) process.exitCode ||= elsewhere;
  else await onThisNode();
}

async function onThisNode(): Promise<void> {
  console.log(`Node ${process.version}`);
  if (!values.write && table.nodes[thisNode] === undefined) {
    console.log(`not compared: the costs are of Node ${Object.keys(table.nodes).join(', ')}`);
    return;
  }
  buildPackages();
  if (values.write) await write();
  else await check(table.nodes[thisNode]!);
}

async function write(): Promise<void> {
  const written = rowsFor(table, thisNode, rows.length < ROWS.length);
  const measured = new Map<Row, Figures>();
  for (const row of rows) measured.set(row, await shown(row));
  writeTable(written, measured);
}

async function shown(row: Row): Promise<Figures> {
  const figures = await measure(row);
  const text = Object.entries(figures).map(([name, value]) => `${name} ${+value.toPrecision(4)}`);
  console.log(`${row.name}\n    ${text.join('  ')}`);
  return figures;
}

async function check(costs: Readonly<Record<string, Figures>>): Promise<void> {
  const problems: string[] = [];
  for (const row of rows) problems.push(...(await excessesOf(row, costs[row.name])));
  for (const { name, row: title, ...planted } of PLANTED) {
    const row = rows.find((each) => each.name === title);
    const committed = costs[title];
    if (row === undefined || committed === undefined) continue;
    const caught = excesses(row, committed, await measure(row, { planted }), tolerances);
    if (caught.length === 0) problems.push(`${title}: does not notice ${name}`);
    else console.log(`planted: ${name}\n    ${caught.join('\n    ')}`);
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    process.exitCode = 1;
    return;
  }
  console.log(`${rows.length} kinds of work cost what the table says`);
}

async function excessesOf(row: Row, committed: Figures | undefined): Promise<string[]> {
  if (committed === undefined) return [`${row.name}: not in the table`];
  let found: string[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    found = excesses(row, committed, await shown(row), tolerances);
    if (found.length === 0) break;
  }
  return found;
}
