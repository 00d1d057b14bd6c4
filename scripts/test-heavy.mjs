// `npm run test:heavy`: the heavy tests, one file after another, and the seeds of the simulations. The first wait for
// real time mostly; the second, which only compute, have what they leave of the machine, where it has a class for that.
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { installMissing, root } from './install.mjs';

installMissing();
const vitest = (kind) => [
  'scripts/run.mjs',
  'vitest',
  'run',
  '--config',
  `vitest.${kind}.config.ts`,
];
const IDLE = ['chrt', '--idle', '0'];

/** Runs it to its end; its output is printed at once, or all of it at the end. */
function run(kind, before = [], stdio = 'inherit') {
  const [command, ...args] = [...before, process.execPath, ...vitest(kind)];
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', stdio, stdio] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    child.on('close', (code) => {
      process.stdout.write(output);
      resolve(code === 0);
    });
  });
}

const hasIdleClass =
  availableParallelism() > 1 && spawnSync(IDLE[0], [...IDLE.slice(1), 'true']).status === 0;
const beside = hasIdleClass ? run('seeds', IDLE, 'pipe') : undefined;
const heavy = await run('heavy');
const seeds = await (beside ?? run('seeds'));
process.exitCode = heavy && seeds ? 0 : 1;
