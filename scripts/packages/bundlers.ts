// The bundlers as docs/guides/bundlers-jest-commonjs.md configures them: each bundles the guide's server, and the bundle runs.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../program.ts';
import { judgeSize } from '../release/budget.ts';
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

/** Where the limits stand. */
const HERE = 'scripts/packages/bundlers.ts';
const PRINTS = 'hello from a bundle';
/** About half of all of `headrace`, 380 kB, and 5 % of air: what the guide's server does not use is left out. */
const MAX_BYTES = 216_000;

async function problemOf(folder: string, output: string): Promise<string | undefined> {
  const ran = await run(process.execPath, [output], folder);
  if (!ran.ok || ran.output !== PRINTS) return `${output} prints ${ran.output}`;
  const knowsCopies = readFileSync(join(folder, output), 'utf8').includes('HR_WARN_TWO_COPIES');
  return knowsCopies ? undefined : `${output} does not warn of a second copy of core`;
}

/** Reports a bundle that was built and works, or what is wrong with it. */
function reportBundle(
  tally: Tally,
  name: string,
  file: string,
  limit: number,
  problem: string | undefined,
): void {
  if (problem !== undefined) {
    tally.report(name, problem);
    return;
  }
  const { size } = statSync(file);
  const { problems, warnings } = judgeSize(size, limit, 'bytes', HERE);
  for (const warning of warnings) tally.warn(`${name}: ${warning}`);
  tally.report(name, problems, `${(size / 1000).toFixed(0)} kB`);
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
    const title = `bundle of a server, ${name}`;
    reportBundle(tally, title, join(folder, output), MAX_BYTES, problem);
  }
}

const ONE_DECODER = `import { LengthFieldFrameDecoder } from 'headrace';
console.log(typeof LengthFieldFrameDecoder);
`;
const MAX_DECODER_BYTES = 56_000;

/** That a package is one file keeps nothing in a bundle that the program does not use. */
async function checkOneDecoder(tally: Tally, folder: string): Promise<void> {
  writeFiles(folder, { 'one.mjs': ONE_DECODER });
  const esbuild = join('..', 'node_modules', '.bin', 'esbuild');
  const output = 'one.out.mjs';
  const args = ['--bundle', '--minify', '--platform=node', '--format=esm', `--outfile=${output}`];
  const built = await run(join(folder, esbuild), ['one.mjs', ...args], folder);
  const problem = built.ok ? undefined : built.output;
  const title = 'bundle of one decoder, esbuild';
  reportBundle(tally, title, join(folder, output), MAX_DECODER_BYTES, problem);
}

/** What a page has and Node has not; and nothing of what Node has and a page has not. */
const FAKE_PAGE = `
class WebSocket {
  bufferedAmount = 0;
  protocol = '';
  readyState = 1;
  constructor(url) {
    console.log('opens', url);
    setTimeout(() => this.onopen());
  }
  send(text) {
    this.onmessage({ data: text.toUpperCase() });
    setTimeout(() => end());
  }
  close() {}
}
Object.assign(globalThis, { WebSocket, location: { href: 'http://page.example/a/b' } });
const end = process.exit.bind(process);
setTimeout(() => end(), 60_000);
for (const name of ['Buffer', 'setImmediate', 'clearImmediate', 'process', 'global']) delete globalThis[name];
`;
const PAGE_PRINTS = 'opens ws://page.example/ws\nHELLO FROM A PAGE';
/** The kB of the guide, with 5 % of air. */
const MAX_PAGE_BYTES = 143_000;

/** The guide's page, by a bundler that was told nothing. */
async function checkPage(tally: Tally, folder: string, name: string): Promise<void> {
  // Vite has a folder of its own, which it empties.
  const output = join('out', 'page', name === 'vite' ? 'vite/page.mjs' : `${name}.mjs`);
  const built = await run(process.execPath, [`page-${name}.mjs`], folder);
  const title = `bundle of a page, ${name}`;
  const problem = built.ok ? await pageProblem(folder, output) : built.output;
  reportBundle(tally, title, join(folder, output), MAX_PAGE_BYTES, problem);
}

async function pageProblem(folder: string, output: string): Promise<string | undefined> {
  const asked = /["']node:[a-z_/]+["']/.exec(readFileSync(join(folder, output), 'utf8'));
  if (asked !== null) return `${output} asks for ${asked[0]}`;
  const ran = await run(process.execPath, ['--import', './fake-page.mjs', output], folder);
  // A minified program is one line, which Node shows with an error.
  return ran.output === PAGE_PRINTS ? undefined : `${output} prints ${ran.output.slice(-1000)}`;
}

/** @param scripts - those of the guide that run; the one decoder is always bundled */
export async function checkBundlers(
  tally: Tally,
  consumer: string,
  scripts: readonly string[] = Object.keys(OUTPUTS),
): Promise<void> {
  const folder = join(consumer, 'bundlers');
  const guide = 'docs/guides/bundlers-jest-commonjs.md';
  for (const { info, code } of blocksIn(guide, readFileSync(join(root, guide), 'utf8'))) {
    const [, name] = /^js \[(.+)\]$/.exec(info) ?? [];
    if (name !== undefined) writeFiles(folder, { [name]: code });
  }
  writeFiles(folder, { 'fake-page.mjs': FAKE_PAGE });
  const checks = scripts.flatMap((name) => [
    checkBundler(tally, folder, name, OUTPUTS[name]!),
    checkPage(tally, folder, name.replace('.mjs', '')),
  ]);
  await Promise.all([...checks, checkOneDecoder(tally, folder)]);
}
