import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
};

export interface StaticServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly origin: string;
}

/** Serves a folder below a path, as GitHub Pages does: `/a` is `a.html` where there is no `a`. */
export async function serveFolder(folder: string, base = '/'): Promise<StaticServer> {
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = normalize(decodeURIComponent(pathname));
    if (!path.startsWith(base)) {
      response.writeHead(404).end();
      return;
    }
    const asked = join(folder, path.slice(base.length));
    const candidates = extname(path) === '' ? [`${asked}.html`, join(asked, 'index.html')] : [asked];
    void answer(candidates).then((found) => {
      if (found === undefined) response.writeHead(404).end();
      else response.writeHead(200, { 'content-type': found.type }).end(found.bytes);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function answer(paths: readonly string[]): Promise<{ type: string; bytes: Buffer } | undefined> {
  for (const path of paths) {
    try {
      return { bytes: await readFile(path), type: TYPES[extname(path)] ?? 'application/octet-stream' };
    } catch {
      // The next one.
    }
  }
  return undefined;
}
