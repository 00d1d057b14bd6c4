// What npm and pnpm make of the ranges between our packages: one copy of core, or a refusal, or two that warn.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRegistry } from '../local-registry.ts';
import type { Packed } from '../packed-packages.ts';
import { must, run } from '../program.ts';
import type { Tally } from '../tally.ts';
import { readManifest, root, writeFiles } from '../workspace.ts';

/** Of core, in the registry beside the real one. */
const OTHER_VERSION = '0.0.9';
const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

/** A package of somebody else that brings a core of its own, and compares by `instanceof`. */
const STRANGE = `import { DecodeError, DrainEvent } from '@headrace/core';

export class Strange {
  channelRead(ctx, message) {
    throw new DecodeError('FRAME_CORRUPT', 'of the other copy');
  }
  userEventTriggered(ctx, event) {
    console.log('drains', event instanceof DrainEvent);
    ctx.fireUserEventTriggered(event);
  }
}
`;
const PROGRAM = `import { Bootstrap, DecodeError, DrainEvent, ServerBootstrap } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { Strange } from 'strange-handlers';

const draining = new EmbeddedChannel(new Strange());
draining.run(() => draining.pipeline.fireUserEventTriggered(new DrainEvent(1000)));
let resolve;
const promise = new Promise((done) => {
  resolve = done;
});
const server = await new ServerBootstrap()
  .childOptions({ logger: { log() {} } })
  .childHandler((channel) => {
    channel.pipeline.addLast(new Strange());
    channel.onClosed(() => resolve(channel.closeInfo));
  })
  .bind({ host: '127.0.0.1', port: 0 });
const client = await new Bootstrap()
  .handler(() => {})
  .connect({ host: '127.0.0.1', port: server.port });
client.writeAndFlush(Buffer.from('x'));
const { reason, error } = await promise;
console.log(reason, error instanceof DecodeError);
await client.close();
await server.shutdown();
`;

async function repack(
  folder: string,
  tarball: string,
  change: (files: string) => void,
): Promise<string> {
  mkdirSync(folder);
  await must('tar', ['-xzf', tarball], folder);
  change(join(folder, 'package'));
  return packFiles(folder);
}

async function packFiles(folder: string): Promise<string> {
  const tarball = `${folder}.tgz`;
  await must('tar', ['-czf', tarball, 'package'], folder);
  return tarball;
}

/** Core with another version in all places. */
function otherCore(folder: string, tarball: string): Promise<string> {
  return repack(folder, tarball, (files) => {
    for (const name of ['package.json', 'dist/copy.js']) {
      const path = join(files, name);
      const text = readFileSync(path, 'utf8');
      const changed = text.replace(/(version"?: ["'])[^"']*/, `$1${OTHER_VERSION}`);
      if (changed === text) throw new Error(`${name} has no version`);
      writeFileSync(path, changed);
    }
  });
}

function strangeHandlers(folder: string): Promise<string> {
  const manifest = {
    name: 'strange-handlers',
    version: '1.0.0',
    type: 'module',
    exports: './index.js',
    dependencies: { '@headrace/core': OTHER_VERSION },
  };
  const files = { 'package/package.json': manifest, 'package/index.js': STRANGE };
  return packFiles(writeFiles(folder, files));
}

/** Installs one package alone; the program loads it and warns of a second copy of core. */
async function checkAlone(
  tally: Tally,
  name: string,
  [tool, ...args]: readonly [string, ...string[]],
  folder: string,
): Promise<void> {
  const installed = await run(tool, [...args, name], folder);
  const title = `${[tool, ...args].find((word) => /^(npm|pnpm)/.test(word))} installs ${name} alone, with one core`;
  if (!installed.ok) {
    tally.report(title, installed.output);
    return;
  }
  writeFiles(folder, { 'main.js': `await import('${name}');\nconsole.log('loaded');\n` });
  const { output } = await run(process.execPath, ['main.js'], folder);
  const realPaths = await run('sh', ['-c', `realpath $(find . -path '*@headrace/core')`], folder);
  const copies = new Set(realPaths.output.split('\n')).size;
  const isOne = output === 'loaded' && copies === 1;
  tally.report(title, isOne ? [] : `${output}\n${copies} copies of core:\n${realPaths.output}`);
}

async function checkTwoCopies(tally: Tally, folder: string): Promise<void> {
  const install = ['install', ...QUIET, '@headrace/core', 'strange-handlers'];
  const installed = await run('npm', install, folder);
  writeFiles(folder, { 'main.js': PROGRAM });
  const { output } = installed.ok ? await run(process.execPath, ['main.js'], folder) : installed;
  const lines = output.split('\n');
  const warnings = lines.filter((line) => line.includes('[HR_WARN_TWO_COPIES]'));
  const nested = 'node_modules/strange-handlers/node_modules/@headrace/core';
  const isRight =
    lines.includes('drains true') &&
    lines.includes('bad-input true') &&
    warnings.length === 1 &&
    warnings[0]?.includes(`${OTHER_VERSION} in `) === true &&
    warnings[0].includes(nested);
  const name = 'two copies of core share events and errors, and warn once';
  tally.report(name, isRight ? [] : output);
}

async function checkRefusal(tally: Tally, folder: string): Promise<void> {
  const core = `@headrace/core@${OTHER_VERSION}`;
  const { ok, output } = await run(
    'npm',
    ['install', ...QUIET, core, '@headrace/handlers'],
    folder,
  );
  const isRefused = !ok && output.includes('ERESOLVE');
  tally.report('npm refuses handlers beside a core that does not fit', isRefused ? [] : output);
}

export async function checkInstalls(
  tally: Tally,
  temporary: string,
  packages: readonly Packed[],
): Promise<void> {
  const core = packages.find(({ name }) => name === '@headrace/core')!;
  const registry = await startRegistry([
    ...packages.map(({ tarball }) => tarball),
    await otherCore(join(temporary, 'other-core'), core.tarball),
    await strangeHandlers(join(temporary, 'strange-handlers')),
  ]);
  const project = (name: string): string =>
    writeFiles(join(temporary, name), {
      'package.json': { private: true, type: 'module' },
      '.npmrc': `registry=${registry.url}\n`,
    });
  const npm = ['npm', 'install', ...QUIET] as const;
  const pnpm = ['npx', '-y', readManifest(root).packageManager, 'add'] as const;
  try {
    await checkAlone(tally, '@headrace/handlers', npm, project('npm-handlers'));
    await checkAlone(tally, '@headrace/handlers', pnpm, project('pnpm-handlers'));
    await checkAlone(tally, 'headrace', npm, project('npm-headrace'));
    await checkAlone(tally, 'headrace', pnpm, project('pnpm-headrace'));
    await checkTwoCopies(tally, project('two-copies'));
    await checkRefusal(tally, project('refusal'));
  } finally {
    registry.close();
  }
}
