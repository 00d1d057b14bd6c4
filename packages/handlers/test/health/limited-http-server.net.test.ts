import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { limitedHttpServer } from '@headrace/handlers/health';
import { expect, it, vi } from 'vitest';

it('says in the response to a request under way that it closes the connection', async () => {
  const responses: ServerResponse[] = [];
  const limits = { maxConnections: 9, requestTimeoutMs: 5000, keepAliveMs: 60_000 };
  const server = await limitedHttpServer((_request, response) => void responses.push(response), {
    ...limits,
    host: '127.0.0.1',
    port: 0,
  });
  const socket = connect(server.port, '127.0.0.1');
  const got = text(socket);
  socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
  await vi.waitUntil(() => responses.length === 1);
  responses[0]!.end('one');
  socket.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  await vi.waitUntil(() => responses.length === 2);
  const closed = server.close();
  responses[1]!.end('two');
  const [, first = '', second = ''] = (await got).split('HTTP/1.1 200 OK');
  expect(first).toContain('Connection: keep-alive');
  expect(second).toContain('Connection: close');
  await closed;
});
