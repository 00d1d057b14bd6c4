// An npm registry for the packed tarballs: what npm does with ranges and peers, it does only with a registry.
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installOwnProject } from './own-project.ts';
import { run } from './packed-packages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const TOOLS = 'scripts/package-tools';

/** What is used of verdaccio. */
interface Verdaccio {
  runServer(config: object): Promise<Server>;
}

export interface Registry {
  readonly url: string;
  close(): void;
}

/** Whatever npm itself is told to use: packages that are not published here come from there. */
async function upstream(): Promise<string> {
  const { stdout } = await run('npm', ['config', 'get', 'registry'], tmpdir());
  return stdout.trim() || 'https://registry.npmjs.org';
}

/** @param tarballs - several versions of a package may be among them; the first is its `latest` */
export async function startRegistry(tarballs: readonly string[]): Promise<Registry> {
  installOwnProject(root, TOOLS);
  const verdaccio: Verdaccio = createRequire(join(root, TOOLS, 'package.json'))('verdaccio');
  const folder = mkdtempSync(join(tmpdir(), 'headrace-registry-'));
  const ours = { access: '$all', publish: '$all' };
  const server = await verdaccio.runServer({
    self_path: folder,
    configPath: join(folder, 'config.yaml'),
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'users') } },
    uplinks: { npm: { url: await upstream() } },
    packages: {
      '@headrace/*': ours,
      '{headrace,create-headrace,strange-handlers}': ours,
      '**': { access: '$all', proxy: 'npm' },
    },
    web: { enable: false },
    log: { type: 'stdout', format: 'json', level: 'fatal' },
    max_body_size: '100mb',
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `http://${host}`;
  const token = `--//${host}/:_authToken=anybody`;
  const options = [`--registry=${url}`, token, '--provenance=false'];
  for (const tarball of tarballs) {
    // The first version of a package is its `latest` all the same.
    const args = ['publish', tarball, '--tag=packed', ...options];
    const published = await run('npm', args, folder);
    if (!published.ok) throw new Error(published.output);
  }
  const close = (): void => {
    server.close().closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, close };
}
