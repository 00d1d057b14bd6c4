// "Every call of Socket.IO's server and client": those of the version that the benchmarks run.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../workspace.ts';

const guide = readFileSync(join(root, 'docs/coming-from/socket-io.md'), 'utf8');
const rows = guide.split('\n').filter((line) => line.startsWith('| '));
/** The words in code of the column that is Socket.IO's. */
const named = new Set(
  rows.flatMap((row) => {
    const [, theirs = ''] = row.split(/(?<!\\)\|/);
    return (theirs.match(/`[^`]+`/g) ?? []).flatMap((code) => code.match(/\w+/g) ?? []);
  }),
);

const { resolve } = createRequire(join(root, 'benchmarks/package.json'));
const folder = (name: string, files: string): string =>
  join(dirname(resolve(`${name}/package.json`)), files);
/** The declarations of each end. */
const ends = {
  server: folder('socket.io', 'dist'),
  client: folder('socket.io-client', 'build/esm'),
};

/** What one gives, and reads again at most. */
const ELSEWHERE = new Set(['constructor', 'name', 'opts', 'options']);

/** The public members of a class or interface in a file of declarations. */
function membersOf(file: string, name: string): string[] {
  const text = readFileSync(file, 'utf8');
  const [body] = new RegExp(`(?:class|interface) ${name}\\b[\\s\\S]*?\\n}`).exec(text) ?? [];
  if (body === undefined) throw new Error(`no ${name} in ${file}`);
  const member =
    /((?: {4}\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?) {4}(?:readonly |get |set )*([A-Za-z]\w*)\??[(<:]/g;
  const found = [...body.matchAll(member)]
    .filter(([, comment = '']) => !/@private|@internal/.test(comment))
    .map(([, , one = '']) => one);
  return [...new Set(found)].filter((one) => !ELSEWHERE.has(one));
}

describe('the table has a row for each public member of', () => {
  it.each([
    ['server', 'Server', 'index', 20],
    ['server', 'ServerOptions', 'index', 8],
    ['server', 'Namespace', 'namespace', 15],
    ['server', 'BroadcastOperator', 'broadcast-operator', 12],
    ['server', 'Socket', 'socket', 25],
    ['client', 'Socket', 'socket', 20],
    ['client', 'SocketOptions', 'socket', 3],
    ['client', 'Manager', 'manager', 8],
    ['client', 'ManagerOptions', 'manager', 8],
  ] as const)('the %s: %s', (end, name, file, atLeast) => {
    const members = membersOf(join(ends[end], `${file}.d.ts`), name);
    expect(members.length).toBeGreaterThanOrEqual(atLeast);
    expect(members.filter((one) => !named.has(one))).toEqual([]);
  });
});
