// What work costs, counted instead of timed: `npm run check -- cost` compares it with cost/table.json, and plants losses
// that the table must catch; `npm run cost -- --gate` does so for what is the same on a busy machine; `npm run cost -- TLS`
// does so for the rows with this in their names, and prints them; `npm run cost -- --write` writes the table, on another
// major version of Node than the table's all of its rows only.
import { parseArgs } from 'node:util';
import { type Figures, measure } from './cost/measure.ts';
import { rowsFor } from './cost/one-node.ts';
import { PLANTED } from './cost/planted.ts';
import { isCounted, ROWS, type Row } from './cost/rows.ts';
import { excesses, node, OF_COUNTS, readTable, writeTable } from './cost/table.ts';
import { buildPackages } from './harness/packages.ts';

/** A loss shows in each of them. */
const RUNS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    gate: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const tolerances = values.gate ? OF_COUNTS : undefined;
const rows = ROWS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
).filter((row) => !values.gate || isCounted(row));
const table = readTable();
if (process.platform !== 'linux' || (node !== table.node && !values.write)) {
  console.log(`not compared: the costs are of Node ${table.node} on Linux`);
  process.exit();
}
buildPackages();
if (values.write) await write();
else await check();

async function write(): Promise<void> {
  const written = rowsFor(table, node, rows.length < ROWS.length);
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

async function check(): Promise<void> {
  const problems: string[] = [];
  for (const row of rows) problems.push(...(await excessesOf(row)));
  for (const { name, row: title, ...planted } of PLANTED) {
    const row = rows.find((each) => each.name === title);
    const committed = table.rows[title];
    if (row === undefined || committed === undefined) continue;
    const caught = excesses(row, committed, await measure(row, { planted }), tolerances);
    if (caught.length === 0) problems.push(`${title}: does not notice ${name}`);
    else console.log(`planted: ${name}\n    ${caught.join('\n    ')}`);
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
  console.log(`${rows.length} kinds of work cost what the table says`);
}

async function excessesOf(row: Row): Promise<string[]> {
  const committed = table.rows[row.name];
  if (committed === undefined) return [`${row.name}: not in the table`];
  let found: string[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    found = excesses(row, committed, await shown(row), tolerances);
    if (found.length === 0) break;
  }
  return found;
}
