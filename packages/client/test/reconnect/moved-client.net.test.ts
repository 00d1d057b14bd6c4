import { fixed, ReconnectingClient, RequestClient } from '@headrace/client';
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type ConnectPlace,
  PEER_CERTIFICATE,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { afterEach, expect, it } from 'vitest';
import { type Certificate, selfSigned } from '../../../core/test/fixture/certificates.ts';

const HOST = '127.0.0.1';
const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
});

async function listen(tls: Certificate): Promise<Server> {
  const server = await new ServerBootstrap()
    .options({ logger: silentLogger })
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => channel.pipeline.addLast(new EchoHandler()))
    .bind({ host: HOST, port: 0, tls });
  running.push(server);
  return server;
}

const bootstrap = () =>
  new Bootstrap()
    .options({ logger: silentLogger })
    .handler((channel) => channel.pipeline.addLast(...textLines()));

it('goes encrypted to a place that it is sent to, and only to one with the certificate of the place in use', async () => {
  const [ours, evil] = await Promise.all([selfSigned('chat.example'), selfSigned('evil.example')]);
  const [a, b, c] = await Promise.all([listen(ours), listen(ours), listen(evil)]);
  // Both are trusted: an authority signs the names of others too.
  const ca = [ours.cert, evil.cert];
  const client = new ReconnectingClient<ConnectPlace>({
    bootstrap: bootstrap(),
    addresses: [{ host: HOST, port: a.port, tls: { ca, servername: 'chat.example' } }],
    retry: fixed(1),
    logger: silentLogger,
  });
  running.push(client);
  const losses: string[] = [];
  client.on('loss', ({ error, kind }) => losses.push(`${kind}: ${error.message}`));
  await client.start();
  const moveTo = async (port: number): Promise<void> => {
    client.preferOnce([{ host: HOST, port }]);
    const before = client.channel!;
    before.close('moved');
    await before.closed;
    await expect.poll(() => client.state.name).toBe('online');
  };
  await moveTo(b.port);
  expect(client.channel?.remoteAddress).toMatchObject({ port: b.port });
  expect(client.channel?.attributes.get(PEER_CERTIFICATE)?.subject).toBe('CN=chat.example');
  await moveTo(c.port);
  expect(client.channel?.remoteAddress).toMatchObject({ port: a.port });
  expect(losses.join('\n')).toContain('chat.example');
  expect(losses.filter((text) => text.startsWith('moved'))).toHaveLength(2);
});

it('a call that found no connection says that the certificate has expired', async () => {
  const expired = await selfSigned('chat.example', true);
  const { port } = await listen(expired);
  const client = new RequestClient({
    client: {
      bootstrap: bootstrap(),
      addresses: [{ host: HOST, port, tls: { ca: expired.cert, servername: 'chat.example' } }],
      retry: fixed(60_000),
      logger: silentLogger,
    },
  });
  running.push(client);
  void client.start();
  await expect.poll(() => client.clients[0]?.state.name).toBe('waiting');
  await expect(client.request(Buffer.from('a'), { timeoutMs: 100 })).rejects.toThrow(
    /^no connection for the request within 100 ms: the TLS handshake .* certificate has expired/,
  );
});
