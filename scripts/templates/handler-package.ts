// A package made from the template: fit for npm, and usable by a project that knows nothing of its folder.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../program.ts';
import { writeFiles } from '../workspace.ts';

const USER = `import { EmbeddedChannel } from '@headrace/core/testing';
import { RepeatFilterHandler } from 'my-handler-package';

const channel = new EmbeddedChannel(new RepeatFilterHandler<string>({ windowMs: 1000 }));
channel.writeInbound('a', 'a', 'b');
if (channel.readInbound() !== 'a' || channel.readInbound() !== 'b') throw new Error('not filtered');
`;

export async function checkHandlerPackage(
  folder: string,
  place: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  await must('npm', ['run', 'check:package'], folder, env);
  await must('npm', ['pack', '--pack-destination', place], folder, env);
  const tarball = readdirSync(place).find((name) => /^my-handler-package.*\.tgz$/.test(name));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  const user = writeFiles(join(place, 'user-of-the-package'), {
    'package.json': { private: true, type: 'module' },
    'use.ts': USER,
  });
  const args = ['install', '--no-audit', '--no-fund', `../${tarball}`];
  await must('npm', [...args, 'typescript@7', '@types/node@20'], user, env);
  const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--types', 'node'];
  await must(join(user, 'node_modules', '.bin', 'tsc'), [...options, 'use.ts'], user);
  await must(process.execPath, ['use.js'], user);
}
