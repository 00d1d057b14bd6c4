// Does `npm create headrace` give projects that work? Packs our packages, offers them in a registry on this machine, and
// does with each template what a stranger does: create, start, talk to it, test, check, end. `-- NAME…`: with some of them;
// `-- --gate`: with a server and the package, on this Node.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { InstalledNode } from '../benchmarks/harness/npm-node.ts';
import { freePort } from '../packages/core/test/fixture/free-port.ts';
import { startRegistry } from './local-registry.ts';
import { installedNodes } from './other-nodes.ts';
import { type Packed, packAll } from './packed-packages.ts';
import { must, Program } from './program.ts';
import { foldersIn } from './source-file.ts';
import { Tally } from './tally.ts';
import { CONVERSATIONS, type Conversation } from './templates/conversations.ts';
import { checkFlags } from './templates/flags.ts';
import { checkHandlerPackage } from './templates/handler-package.ts';
import { buildImage } from './templates/image.ts';
import { root, temporaryFolder } from './workspace.ts';

/** Enough to see that what is packed can be installed and used; the compiler sees the sources of all. */
const IN_GATE = ['line-server', 'handler-package'];

const isGate = process.argv.includes('--gate');
const tally = new Tally();

async function checkTemplate(
  template: string,
  place: string,
  env: NodeJS.ProcessEnv,
  nodes: readonly InstalledNode[],
) {
  const name = `my-${template}`;
  const folder = join(place, name);
  const created = await tally.step(`${template}: npm create headrace`, async () => {
    const args = ['create', 'headrace', name, '--', '--template', template];
    const output = await must('npm', args, place, env);
    const script = template === 'handler-package' ? 'test' : 'start';
    assert.match(output, new RegExp(`cd ${name}\\nnpm ${script}$`));
  });
  if (created === undefined) return;
  const talk = CONVERSATIONS[template];
  if (talk !== undefined) {
    await checkProgram(template, folder, created, talk, env);
    const own = { version: process.version, path: process.execPath };
    for (const node of [own, ...nodes.slice(0, 1)]) {
      await checkWatched(template, folder, talk, node);
    }
  }
  await tally.step(`${template}: npm test`, async () => {
    assert.match(await must('npm', ['test'], folder, env), /# fail 0|ℹ fail 0/);
  });
  for (const script of ['check', 'lint']) {
    await tally.step(`${template}: npm run ${script}`, () =>
      must('npm', ['run', script], folder, env),
    );
  }
  if (template === 'handler-package') {
    await tally.step(`${template}: packs, installs elsewhere, works`, () =>
      checkHandlerPackage(folder, place, env),
    );
  }
}

/** On the Node that runs this, the oldest that is supported in CI, and on a newer one. */
async function checkWatched(
  template: string,
  folder: string,
  talk: Conversation,
  { version, path }: InstalledNode,
): Promise<void> {
  const port = await freePort();
  const main = join(folder, 'src', 'main.ts');
  const text = readFileSync(main, 'utf8');
  await tally.step(
    `${template}: npm run dev shows a type error, starts again after a change, Node ${version}`,
    async () => {
      const program = new Program('npm', ['run', 'dev'], folder, {
        PORT: String(port),
        ADDRESS: `127.0.0.1:${port}`,
        HEALTH_PORT: '0',
        PATH: `${dirname(path)}${delimiter}${process.env['PATH']}`,
      });
      const isUp = template === 'reconnecting-client' ? 'no connection' : 'listening on';
      try {
        await program.waitFor(new RegExp(isUp));
        writeFileSync(main, `${text}const wrong: number = 'one';\n`);
        await program.waitFor(/error TS2322/);
        // It may have run with the error, too: the conversation begins when the repaired one runs.
        writeFileSync(main, `${text}console.log('repaired');\n`);
        await program.waitFor(/^repaired$/m);
        await talk(port, folder, program);
      } finally {
        await program.terminate();
        writeFileSync(main, text);
      }
    },
  );
}

/** A program that is started on a port, and the wrong setting that it refuses. */
async function checkProgram(
  template: string,
  folder: string,
  created: number,
  talk: Conversation,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const isClient = template === 'reconnecting-client';
  const port = await freePort();
  const place = isClient ? { ADDRESS: `127.0.0.1:${port}` } : { PORT: String(port) };
  const settings = { ...place, HEALTH_PORT: '0' };
  const answers = async (program: Program) => {
    if (!isClient) await program.waitFor(new RegExp(`listening on \\S+?:${port}\\b`));
    await talk(port, folder, program);
  };

  const program = new Program('npm', ['start'], folder, settings);
  const started = await tally.step(`${template}: npm start answers`, () => answers(program));
  await program.terminate();
  if (started !== undefined) {
    const total = (created + started).toFixed(1);
    console.log(`      ${template}: ${total} s from npm create to an answer`);
  }
  await tally.step(`${template}: ends on SIGTERM with exit code 0`, async () => {
    const alone = new Program(process.execPath, ['dist/main.js'], folder, settings);
    let code: number | null;
    try {
      await answers(alone);
    } finally {
      code = await alone.terminate();
    }
    assert.equal(code, 0);
  });
  await tally.step(`${template}: its image is built, answers, and ends on SIGTERM`, async () => {
    const image = await buildImage(folder, `${folder}-image`, env);
    assert.deepEqual(readdirSync(image).sort(), ['dist', 'node_modules', 'package.json']);
    for (const tool of ['typescript', '@biomejs/biome', '@types/node', 'vite']) {
      assert.ok(!existsSync(join(image, 'node_modules', tool)), tool);
    }
    const built = readdirSync(join(image, 'dist'));
    assert.deepEqual(
      built.filter((name) => name.includes('.test.')),
      [],
    );
    const alone = new Program(process.execPath, ['dist/main.js'], image, {
      ...settings,
      NODE_ENV: 'production',
    });
    try {
      await answers(alone);
    } finally {
      assert.equal(await alone.terminate(), 0);
    }
  });
  await tally.step(`${template}: a wrong setting is one line`, async () => {
    const wrong = new Program(process.execPath, ['dist/main.js'], folder, {
      PORT: 'abc',
      ADDRESS: 'abc',
    });
    const { code, output } = await wrong.finished();
    assert.equal(code, 1);
    assert.match(output, /^(?:PORT|ADDRESS) is "abc", but must be .*$/);
  });
}

/** The tests of all templates, built by the step before, on the Nodes that do not run us. */
async function checkOtherNodes(place: string, nodes: readonly InstalledNode[]): Promise<void> {
  const built = foldersIn(place, '.').filter((folder) => existsSync(join(place, folder, 'dist')));
  const tests = built.flatMap((folder) =>
    readdirSync(join(place, folder, 'dist'))
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => join(folder, 'dist', name)),
  );
  for (const { version, path } of nodes) {
    await tally.step(`the tests of all templates, Node ${version}`, async () => {
      assert.match(await must(path, ['--test', ...tests], place), /fail 0$/m);
    });
  }
}

async function main(temporary: string, packages: readonly Packed[]): Promise<void> {
  const registry = await startRegistry(packages.map(({ tarball }) => tarball));
  const env = {
    ...process.env,
    npm_config_registry: registry.url,
    // Empty, as a stranger's is; and no package of an earlier run can come from it.
    npm_config_cache: join(temporary, 'cache'),
    npm_config_prefer_offline: 'true',
  };
  const nodes = isGate ? [] : await installedNodes();
  try {
    const templates = readdirSync(join(root, 'packages/create-headrace/templates')).filter(
      (name) => /^[a-z]/.test(name) && !name.includes('.'),
    );
    const asked = isGate ? IN_GATE : process.argv.slice(2);
    for (const template of templates.filter((one) => asked.length === 0 || asked.includes(one))) {
      await checkTemplate(template, temporary, env, nodes);
    }
    await checkOtherNodes(temporary, nodes);
    if (!isGate) await checkFlags(tally, temporary, env);
  } finally {
    registry.close();
  }
}

using temporary = temporaryFolder();
let packages: readonly Packed[] = [];
const built = await tally.step('packages build, and are packed', async () => {
  packages = await packAll(root);
});
if (built !== undefined) await main(temporary.path, packages);
tally.end('templates');
