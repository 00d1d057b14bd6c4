// `npm run bench` runs every *.bench.ts here, each in a fresh process, one after another;
// `npm run bench -- echo` runs those whose names contain "echo".
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.bench.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();

if (files.length === 0) {
  console.error(`no benchmark ${wanted.join(' ')} in benchmarks/*.bench.ts`);
  process.exit(1);
}
for (const name of files) {
  console.log(`\n# ${name}`);
  const { status } = spawnSync(
    process.execPath,
    ['--expose-gc', ...process.execArgv, `${folder}${name}`],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exitCode = 1;
}
