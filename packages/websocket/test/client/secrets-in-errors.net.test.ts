// The address of a WebSocket may have secrets: errors and logs have none of them.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@headrace/core';
import { shownUrl } from '@headrace/core/authoring';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpTunnel, WebSocketBootstrap, type WebSocketClientOptions } from '../../src/index.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** The address of a server that answers all requests so. */
async function answering(answer: string): Promise<string> {
  server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (_request, socket) => void socket.end(answer));
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return `ws://ann:secret@127.0.0.1:${port}/ws?token=secret`;
}

async function failureOf(url: string, options: WebSocketClientOptions = {}): Promise<string> {
  const connecting = new WebSocketBootstrap()
    .options({ logger: silentLogger, ...options })
    .handler(() => {})
    .connect(url);
  const error = (await connecting.catch((thrown: unknown) => thrown)) as Error;
  const { details } = error as Error & { readonly details?: object };
  return `${error.message} ${JSON.stringify(details)}`;
}

describe('an error about the address of a WebSocket', () => {
  it.each([
    ['refuses', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
    [
      'answers as none',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n',
    ],
  ])('that %s has the server and no secret', async (_what, answer) => {
    const text = await failureOf(await answering(answer));
    expect(text).toMatch(/ws:\/\/127\.0\.0\.1:\d+\/ws\?…/);
    expect(text).not.toContain('secret');
  });

  it('over requests has the server and no secret', async () => {
    const url = await answering('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
    const text = await failureOf(url, { httpTunnel: new HttpTunnel({}) });
    expect(text).toMatch(/127\.0\.0\.1:\d+\/ws\?…/);
    expect(text).not.toContain('secret');
  });

  it('that is none has no secret', async () => {
    const text = await failureOf('ftp://ann:secret@host.example/ws?token=secret');
    expect(text).toContain('ftp://host.example/ws?… is not a URL');
    expect(text).not.toContain('secret');
  });

  it.each([
    ['ws://host/path', 'ws://host/path'],
    ['ws://ann:se@cret@host:1/path', 'ws://host:1/path'],
    ['/path?token=secret', '/path?…'],
    ['ws://host/a@b', 'ws://host/a@b'],
    ['ws://host#secret', 'ws://host?…'],
  ])('shows %s as %s', (url, shown) => {
    expect(shownUrl(url)).toBe(shown);
  });
});
