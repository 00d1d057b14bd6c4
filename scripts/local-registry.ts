// An npm registry for the packed tarballs: what npm does with ranges and peers, it does only with a registry. It knows
// nothing but them, and sends npm to the real one for everything else.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { must, run } from './program.ts';
import type { Manifest } from './workspace.ts';

export interface Registry {
  readonly url: string;
  close(): void;
}

/** What npm asks for by the name of a package. */
interface Packument {
  readonly name: string;
  readonly 'dist-tags': { readonly latest: string };
  readonly versions: Record<string, Manifest & { readonly dist: object }>;
}

/** Whatever npm itself is told to use. */
async function upstream(): Promise<string> {
  const { stdout } = await run('npm', ['config', 'get', 'registry'], tmpdir());
  return (stdout.trim() || 'https://registry.npmjs.org').replace(/\/$/, '');
}

/** @param tarballs - several versions of a package may be among them; the first is its `latest` */
export async function startRegistry(tarballs: readonly string[]): Promise<Registry> {
  const elsewhere = await upstream();
  const packuments = new Map<string, Packument>();
  const files = new Map<string, Buffer>();
  const server = createServer(({ method, url = '/' }, response) => {
    const path = decodeURIComponent(url);
    const packument = packuments.get(path.slice(1));
    const file = files.get(path);
    if (file !== undefined) response.end(file);
    else if (packument !== undefined) response.end(JSON.stringify(packument));
    else if (method === 'GET') response.writeHead(302, { location: elsewhere + url }).end();
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [i, tarball] of tarballs.entries()) {
    const args = ['-xzOf', tarball, 'package/package.json'];
    const manifest: Manifest = JSON.parse(await must('tar', args, tmpdir()));
    const { name, version } = manifest;
    const content = readFileSync(tarball);
    const file = `/-/packed/${i}.tgz`;
    const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`;
    files.set(file, content);
    const known = packuments.get(name) ?? { name, 'dist-tags': { latest: version }, versions: {} };
    known.versions[version] = { ...manifest, dist: { tarball: url + file, integrity } };
    packuments.set(name, known);
  }
  const close = (): void => server.close().closeAllConnections();
  return { url, close };
}
