// Node as it runs us, and Bun and Deno as npm has them: one package for each platform, without an install script.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ownModule } from '../own-project.ts';
import { run } from '../program.ts';
import { root } from '../workspace.ts';

export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  /** Before the file to run. */
  readonly args: readonly string[];
}

/** The scope has a package for this platform alone. */
const OTHERS = [
  { name: 'Bun', scope: '@oven', binary: 'bin/bun', args: ['run'] },
  {
    name: 'Deno',
    scope: '@deno',
    binary: 'deno',
    args: ['run', '--allow-all', '--no-prompt', '--node-modules-dir=manual'],
  },
];

/** The runtimes; one line for each that npm has not for this platform. */
export async function installedRuntimes(): Promise<Runtime[]> {
  const version = process.version.slice(1);
  const runtimes: Runtime[] = [{ name: 'Node', version, path: process.execPath, args: [] }];
  for (const { name, scope, binary, args } of OTHERS) {
    const folder = await ownModule(root, 'scripts/bun-and-deno', scope);
    const [platform] = existsSync(folder) ? readdirSync(folder) : [];
    const path = join(folder, platform ?? '', binary);
    const { stdout } = await run(path, ['--version'], root);
    const [found] = /\d+\.\d+\.\d+/.exec(stdout) ?? [];
    if (found === undefined) console.log(`skip  ${name}: there is no ${path}`);
    else runtimes.push({ name, version: found, path, args });
  }
  return runtimes;
}
