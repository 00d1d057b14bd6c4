// `npm run site` builds the site into site/dist, `npm run site -- --base /docs/` for another path of a server than /headrace/;
// `npm run site -- dev` serves it while one writes; `npm run site -- card`
// draws the picture for links to it; `npm run site -- paint` measures when a slow phone draws the first screen. Its tools are in projects of their own, installed when they are first needed.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ownModule } from '../own-project.ts';
import { must, run } from '../program.ts';
import { root } from '../workspace.ts';
import { assemble } from './assemble.ts';
import { BASE, baseOf } from './base.ts';
import { drawCard } from './card.ts';
import { packEditorTypes } from './editor-types.ts';
import { describedSets } from './option-sets.ts';
import { bundlePageProgram } from './page-program.ts';
import { paintTimes } from './paint.ts';

const PAINT_RUNS = 11;
const site = join(root, 'site');

/** The program of VitePress, which is given a command. */
export function vitepress(): Promise<string> {
  return ownModule(root, 'site', 'vitepress/bin/vitepress.js');
}

/** Puts the pages together, with what runs in the reader's browser; returns what is wrong. */
export async function makePages(): Promise<readonly string[]> {
  await ownModule(root, 'site', '');
  const { problems } = await assemble(root, await describedSets(root));
  await ownModule(root, 'site/playground', '');
  const out = join(site, '.pages', 'public', 'playground');
  await must(process.execPath, [join(site, 'playground', 'build.mjs'), out], root);
  await bundlePageProgram(root, out);
  await packEditorTypes(root, out);
  return problems;
}

/** Where a built site is served, and its folder below site/. */
export interface Place {
  readonly base: string;
  readonly dist: string;
}

export const PLACE: Place = { base: BASE, dist: 'dist' };

/** The variables from which VitePress has its place. */
export function inPlace({ base, dist }: Place): Readonly<Record<string, string>> {
  return { SITE_BASE: base, SITE_DIST: dist };
}

/** Builds the pages that were put together; returns what is wrong. */
export async function buildPages(place: Place): Promise<string[]> {
  const program = await vitepress();
  const env = { ...process.env, ...inPlace(place) };
  const { ok, output } = await run(process.execPath, [program, 'build'], site, { env });
  return ok ? [] : [output];
}

/** Builds everything into site/dist; returns what is wrong. */
export async function buildSite(base: string = BASE): Promise<string[]> {
  const problems = await makePages();
  return [...problems, ...(await buildPages({ ...PLACE, base }))];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const began = Date.now();
  if (process.argv[2] === 'dev') {
    const program = await vitepress();
    for (const problem of await makePages()) console.error(problem);
    spawnSync(process.execPath, [program, 'dev'], { cwd: site, stdio: 'inherit' });
  } else if (process.argv[2] === 'paint') {
    const times = (await paintTimes(join(site, 'dist'), PAINT_RUNS)).toSorted((a, b) => a - b);
    const median = times[Math.floor(PAINT_RUNS / 2)];
    console.log(`drawn after ${median} ms (${times[0]} to ${times.at(-1)}, ${PAINT_RUNS} runs)`);
  } else if (process.argv[2] === 'card') {
    await drawCard(root);
  } else {
    const problems = await buildSite(baseOf(process.argv));
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) process.exitCode = 1;
    console.log(`site/dist is there after ${Math.round((Date.now() - began) / 1000)} s`);
  }
}
