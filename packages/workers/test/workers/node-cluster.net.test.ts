// What cluster-channel.ts uses of `node:cluster` beyond its documentation; `npm run check:nodes` runs this on the other versions of Node.
import { expect, it, onTestFinished } from 'vitest';
import { bundledProgram } from '../../../core/test/fixture/bundled-program.ts';
import { ProgramProcess } from './program-process.ts';

const program = await bundledProgram(new URL('./node-cluster-program.ts', import.meta.url));

it(`has all that cluster-channel.ts uses: Node ${process.version}`, async () => {
  const cluster = new ProgramProcess(program);
  onTestFinished(() => cluster.kill());
  await cluster.exited;
  expect([cluster.stderr, cluster.lines]).toEqual(['', [{ missing: [] }]]);
}, 120_000);
