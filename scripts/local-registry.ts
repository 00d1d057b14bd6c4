// An npm registry for the packed tarballs: what npm does with ranges and peers, it does only with a registry.
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownModule } from './own-project.ts';
import { must, run } from './program.ts';
import { root, temporaryFolder } from './workspace.ts';

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
  const module = await ownModule(root, 'scripts/package-tools', 'verdaccio');
  const verdaccio: Verdaccio = createRequire(import.meta.url)(module);
  const temporary = temporaryFolder();
  const folder = temporary.path;
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
    await must('npm', ['publish', tarball, '--tag=packed', ...options], folder);
  }
  const close = (): void => {
    server.close().closeAllConnections();
    temporary[Symbol.dispose]();
  };
  return { url, close };
}
