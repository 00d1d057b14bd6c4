// What `import 'headrace'` takes, from the packages as they are published, beside the `ws` library.
import { execFileSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { pinned } from './harness/machine.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const WS = 'ws';
const fileAt = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export async function starting(settings: Settings): Promise<Result[]> {
  execFileSync(process.execPath, [fileAt('scripts/build.mjs')], { stdio: 'inherit' });
  const modules: Readonly<Record<string, string>> = {
    [HEADRACE]: fileAt('packages/headrace/dist/index.js'),
    '@headrace/core': fileAt('packages/core/dist/index.js'),
    [WS]: fileAt('node_modules/ws/wrapper.mjs'),
  };
  const rows = Object.keys(modules).map((peer) => ({ peer, values: [] as number[] }));
  for (let round = 0; round < settings.rounds + 1; round += 1) {
    for (const { peer, values } of rows) {
      const spent = cpuOfImport(modules[peer]!);
      // The first ones read the files from the disk.
      if (round > 0) values.push(spent);
    }
  }
  const goals = [{ text: "of the ws library's", to: WS, atMost: 1.6 }];
  return [{ title: "import 'headrace'", unit: 'ms of CPU', rows, goals }];
}

function cpuOfImport(path: string): number {
  const url = JSON.stringify(pathToFileURL(path).href);
  const source = `const before = process.cpuUsage();
    await import(${url});
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);
    process.exit();`;
  const [program, ...args] = pinned(0, [process.execPath, '--input-type=module', '-e', source]);
  return Number(execFileSync(program!, args, { encoding: 'utf8' }));
}
