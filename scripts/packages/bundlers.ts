// The bundlers as docs/guides/bundlers.md configures them: each bundles the guide's server, and the bundle runs.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../program.ts';
import { blocksIn } from '../sample-blocks.ts';
import type { Tally } from '../tally.ts';
import { root, writeFiles } from '../workspace.ts';

/** What a project installs to follow the guide. */
export const BUNDLERS: Readonly<Record<string, string>> = {
  '@rollup/plugin-commonjs': '>=28.0.0',
  '@rollup/plugin-node-resolve': '^16.0.0',
  '@rollup/plugin-terser': '^0.4.0',
  esbuild: '>=0.25.0',
  rollup: '^4.0.0',
  vite: '^8.0.0',
  webpack: '^5.0.0',
};

const OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  'esbuild.mjs': ['esbuild.mjs', 'esbuild.cjs'],
  'vite.mjs': ['vite/server.mjs'],
  'rollup.mjs': ['rollup.mjs'],
  'webpack.mjs': ['webpack.cjs'],
};

const PRINTS = 'hello from a bundle';
/** About half of all of `headrace`, 380 kB: what the guide's server does not use is left out. */
const MAX_BYTES = 187_000;

async function problemOf(folder: string, output: string): Promise<string | undefined> {
  const ran = await run(process.execPath, [output], folder);
  if (!ran.ok || ran.output !== PRINTS) return `${output} prints ${ran.output}`;
  const file = join(folder, output);
  const knowsCopies = readFileSync(file, 'utf8').includes('HR_WARN_TWO_COPIES');
  if (!knowsCopies) return `${output} does not warn of a second copy of core`;
  const { size } = statSync(file);
  return size <= MAX_BYTES ? undefined : `${output} has ${size} bytes, more than ${MAX_BYTES}`;
}

async function checkBundler(
  tally: Tally,
  folder: string,
  script: string,
  outputs: readonly string[],
): Promise<void> {
  const built = await run(process.execPath, [script], folder);
  for (const name of outputs) {
    const output = join('out', name);
    const problem = built.ok ? await problemOf(folder, output) : built.output;
    const size = problem === undefined ? statSync(join(folder, output)).size : 0;
    tally.report(`bundle of a server, ${name}`, problem, `${(size / 1000).toFixed(0)} kB`);
  }
}

const ONE_DECODER = `import { LengthFieldFrameDecoder } from 'headrace';
console.log(typeof LengthFieldFrameDecoder);
`;
const MAX_DECODER_BYTES = 50_000;

/** That a package is one file keeps nothing in a bundle that the program does not use. */
async function checkOneDecoder(tally: Tally, folder: string): Promise<void> {
  writeFiles(folder, { 'one.mjs': ONE_DECODER });
  const esbuild = join('..', 'node_modules', '.bin', 'esbuild');
  const output = 'one.out.mjs';
  const args = ['--bundle', '--minify', '--platform=node', '--format=esm', `--outfile=${output}`];
  const built = await run(join(folder, esbuild), ['one.mjs', ...args], folder);
  const size = built.ok ? statSync(join(folder, output)).size : 0;
  const tooLarge =
    size > MAX_DECODER_BYTES ? `${size} bytes, more than ${MAX_DECODER_BYTES}` : undefined;
  const kb = `${(size / 1000).toFixed(0)} kB`;
  tally.report('bundle of one decoder, esbuild', built.ok ? tooLarge : built.output, kb);
}

export async function checkBundlers(tally: Tally, consumer: string): Promise<void> {
  const folder = join(consumer, 'bundlers');
  const guide = 'docs/guides/bundlers.md';
  for (const { info, code } of blocksIn(guide, readFileSync(join(root, guide), 'utf8'))) {
    const [, name] = /^js \[(.+)\]$/.exec(info) ?? [];
    if (name !== undefined) writeFiles(folder, { [name]: code });
  }
  const checks = Object.entries(OUTPUTS).map((entry) => checkBundler(tally, folder, ...entry));
  await Promise.all([...checks, checkOneDecoder(tally, folder)]);
}
