import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { PROXY_HEADER, ProxyProtocolDecoder } from '@headrace/codec';
import { clientAddress, type Server, ServerBootstrap } from '@headrace/core';
import { generate } from 'selfsigned';
import { afterEach, expect, it } from 'vitest';
import { startTlsProxy } from '../src/tls-proxy.ts';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.shutdown({ drainTimeoutMs: 1 })));
});

it('ends TLS, passes both halves on, and announces the client', async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
  });
  const seen: unknown[] = [];
  const behind = await new ServerBootstrap()
    .childOptions({ allowHalfOpen: true })
    .childHandler(({ pipeline }) =>
      pipeline.addLast(new ProxyProtocolDecoder({ trusted: ['127.0.0.1'] }), {
        channelActive({ channel }) {
          const isAnnounced = channel.attributes.get(PROXY_HEADER) !== undefined;
          seen.push([isAnnounced, clientAddress(channel)]);
        },
        channelRead: (ctx, bytes: Buffer) => void ctx.writeAndFlush(bytes),
        channelShutdown: (ctx) => void ctx.shutdown('output'),
      }),
    )
    .bind({ host: '127.0.0.1', port: 0 });
  servers.push(behind);
  const proxy = await startTlsProxy({
    port: 0,
    tls: { cert: made.cert, key: made.private },
    to: { host: '127.0.0.1', port: behind.port },
  });
  servers.push(proxy);

  const client = connectTls({ port: proxy.port, ca: made.cert, servername: 'localhost' });
  await once(client, 'secureConnect');
  const port = client.localPort;
  const sent = Buffer.alloc(1_000_000, 'x');
  client.end(sent);
  let got = 0;
  for await (const bytes of client) got += (bytes as Buffer).length;
  const address = { host: '127.0.0.1', port, family: 'IPv4' };
  expect([got, seen]).toEqual([sent.length, [[true, address]]]);
});
