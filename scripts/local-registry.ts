// A registry of npm's on this machine: it has our packed packages as if they were published, and sends requests for
// all others on to the real one. So the checks can type what a user types: `npm create headrace`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Packed } from './packed-packages.ts';

/** A registry that runs. */
export interface LocalRegistry {
  /** For `npm_config_registry`. */
  readonly url: string;
  close(): void;
}

export async function startLocalRegistry(
  packages: readonly Packed[],
  upstream: string,
): Promise<LocalRegistry> {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1);
    const [name = '', file] = path.split('/-/');
    const own = byName.get(name);
    if (own === undefined) {
      response.writeHead(302, { Location: new URL(request.url ?? '/', upstream).href }).end();
    } else if (file !== undefined) {
      response.end(readFileSync(own.tarball));
    } else {
      answer(response, packument(own, `http://${request.headers.host}`));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

function answer(response: ServerResponse, document: unknown): void {
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(document));
}

/** What a registry says about a package: here it has one version. */
function packument({ name, version, tarball }: Packed, url: string): unknown {
  const bytes = readFileSync(tarball);
  const text = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], {
    encoding: 'utf8',
  });
  const dist = {
    tarball: `${url}/${name}/-/${version}.tgz`,
    integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
    shasum: createHash('sha1').update(bytes).digest('hex'),
  };
  return {
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...JSON.parse(text), dist } },
  };
}
