// An npm registry for the packed tarballs: what npm does with ranges and peers, it does only with a registry.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

export interface Registry {
  readonly url: string;
  close(): void;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
}

/** What a registry has about a package. */
interface PackageDocument {
  readonly name: string;
  readonly 'dist-tags': Readonly<Record<string, string>>;
  readonly versions: Record<string, unknown>;
}

/** Packages that are not ours are npm's: requests for them are redirected. */
const UPSTREAM = 'https://registry.npmjs.org';

function manifestIn(tarball: string): Manifest {
  const { stdout } = spawnSync('tar', ['-xOf', tarball, 'package/package.json']);
  return JSON.parse(String(stdout));
}

/** @param tarballs - several versions of a package may be among them; the first is its `latest` */
export async function startRegistry(tarballs: readonly string[]): Promise<Registry> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1);
    const file = tarballs.find((one) => `-/${basename(one)}` === path);
    if (file !== undefined) {
      response.end(readFileSync(file));
      return;
    }
    const document = documents.get(path);
    if (document === undefined) response.writeHead(302, { location: upstream + request.url }).end();
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asked = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim();
  const upstream = (asked === '' ? UPSTREAM : asked).replace(/\/$/, '');
  const documents = new Map<string, PackageDocument>();
  for (const tarball of tarballs) {
    const manifest = manifestIn(tarball);
    const { name, version } = manifest;
    const digest = createHash('sha512').update(readFileSync(tarball)).digest('base64');
    const dist = { tarball: `${url}/-/${basename(tarball)}`, integrity: `sha512-${digest}` };
    const document: PackageDocument = documents.get(name) ?? {
      name,
      'dist-tags': { latest: version },
      versions: {},
    };
    document.versions[version] = { ...manifest, dist };
    documents.set(name, document);
  }
  return { url, close: () => void server.close().closeAllConnections() };
}
