import { fixed, ProxyConnector, ReconnectingClient } from '@headrace/client';
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type ClientTls,
  type Context,
  PEER_CERTIFICATE,
  type PortPlace,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type Certificate, selfSigned } from '../../../core/test/fixture/certificates.ts';
import type { ProxyConnectorOptions } from '../../src/proxy/proxy-options.ts';
import { type LocalProxy, localProxy, type Refusal } from './local-proxy.ts';

const HOST = '127.0.0.1';
const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close();
});

/** Speaks first, then repeats each line. */
async function listen(tls?: Certificate): Promise<Server> {
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) =>
      channel.pipeline.addLast(...textLines(), {
        channelActive: (ctx: Context) => void ctx.writeAndFlush('welcome'),
        channelRead: (ctx: Context, line: string) => void ctx.writeAndFlush(`re: ${line}`),
      }),
    )
    .bind({ host: HOST, port: 0, ...(tls && { tls }) });
  running.push(server);
  return server;
}

async function proxyOf(protocol: 'http' | 'socks5', refusal?: Refusal): Promise<LocalProxy> {
  const proxy = await localProxy(protocol, refusal);
  running.push(proxy);
  return proxy;
}

const bootstrap = () =>
  new Bootstrap()
    .options({ logger: silentLogger })
    .handler((channel) => channel.pipeline.addLast(...textLines()));

const connector = (
  protocol: 'http' | 'socks5',
  port: number,
  options: Partial<ProxyConnectorOptions> = {},
) => new ProxyConnector({ bootstrap: bootstrap(), protocol, host: HOST, port, ...options });

async function linesOf(channel: Channel, count: number): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const line of channel) if (lines.push(line) === count) break;
  return lines;
}

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no failure',
    (error: Error & { code?: string }) => `${error.code} ${error.message}`,
  );

const REFUSALS = {
  http: [
    'HR_ERR_CHANNEL_REFUSED … chat.invalid:18888 with the status 403',
    'HR_ERR_CHANNEL_REFUSED … chat.invalid:18888 with the status 407, it wants another username and password',
    'HR_ERR_CHANNEL_FAILED … chat.invalid:18888: socket hang up',
  ],
  socks5: [
    'HR_ERR_CHANNEL_REFUSED … chat.invalid:18888: Socks5 proxy rejected connection - NotAllowed',
    'HR_ERR_CHANNEL_REFUSED … chat.invalid:18888: Received invalid Socks5 initial handshake (no accepted authentication type)',
    'HR_ERR_CHANNEL_REFUSED … chat.invalid:18888: Socket closed',
  ],
};

describe.each(['http', 'socks5'] as const)('ProxyConnector, %s', (protocol) => {
  it('connects to a name that the proxy finds, and loses no byte that comes with its answer', async () => {
    const proxy = await proxyOf(protocol);
    proxy.to = (await listen()).port;
    const channel = await connector(protocol, proxy.port).connect({
      host: 'chat.invalid',
      port: 18888,
    });
    channel.writeAndFlush('hello');
    expect(await linesOf(channel, 2)).toEqual(['welcome', 're: hello']);
    expect(proxy.asked).toEqual(['chat.invalid:18888']);
    channel.close();
  });

  it('shows the user and the password', async () => {
    const proxy = await proxyOf(protocol);
    proxy.to = (await listen()).port;
    const user = { username: 'ann', password: 'secret' };
    const channel = await connector(protocol, proxy.port, user).connect({
      host: '10.1.2.3',
      port: 1,
    });
    expect(await linesOf(channel, 1)).toEqual(['welcome']);
    expect(proxy.asked).toEqual(['ann:secret@10.1.2.3:1']);
    channel.close();
  });

  it('a client behind it speaks TLS with the server, and stays behind it when it is sent elsewhere', async () => {
    const own = await selfSigned('chat.invalid');
    const proxy = await proxyOf(protocol);
    proxy.waitsForServer = false;
    proxy.to = (await listen(own)).port;
    const client = new ReconnectingClient<PortPlace & ClientTls>({
      bootstrap: connector(protocol, proxy.port),
      addresses: [{ host: 'chat.invalid', port: 18888, tls: { ca: own.cert } }],
      retry: fixed(1),
      // On a busy machine, the handshake with the first place takes longer than the time after which the next place is tried.
      raceMs: false,
      logger: silentLogger,
    });
    running.push(client);
    await client.start();
    expect(client.channel?.attributes.get(PEER_CERTIFICATE)?.subject).toBe('CN=chat.invalid');
    client.preferOnce([{ host: 'other.invalid', port: 2 }]);
    const before = client.channel!;
    before.close('moved');
    await before.closed;
    await expect.poll(() => client.state.name).toBe('online');
    expect(client.channel?.attributes.get(PEER_CERTIFICATE)?.subject).toBe('CN=chat.invalid');
    expect(proxy.asked).toEqual(['chat.invalid:18888', 'other.invalid:2']);
  });

  it('a client behind it whose places race asks the proxy for the names anyway', async () => {
    const proxy = await proxyOf(protocol);
    proxy.to = (await listen()).port;
    const client = new ReconnectingClient<PortPlace & ClientTls>({
      bootstrap: connector(protocol, proxy.port),
      addresses: [{ host: 'chat.invalid', port: 18888 }],
      raceMs: 500,
      logger: silentLogger,
    });
    running.push(client);
    await client.start();
    expect(proxy.asked).toEqual(['chat.invalid:18888']);
  });

  it('says why the proxy gives no connection', async () => {
    const place = { host: 'chat.invalid', port: 18888 };
    const texts: string[] = [];
    for (const refusal of ['refuses', 'wants a password', 'hangs up'] as const) {
      const { port } = await proxyOf(protocol, refusal);
      texts.push(await failure(connector(protocol, port).connect(place)));
      expect(texts.at(-1)).toContain(`the proxy ${HOST}:${port} `);
    }
    expect(texts.map((text) => text.replace(/ the proxy .* connection to /, ' … '))).toEqual(
      REFUSALS[protocol],
    );
    const gone = await proxyOf(protocol);
    await gone.close();
    running.pop();
    expect(await failure(connector(protocol, gone.port).connect(place))).toContain(
      `HR_ERR_CHANNEL_REFUSED no connection to the proxy ${HOST}:${gone.port}: connect ECONNREFUSED`,
    );
  });

  it('ends with its time, and with its signal', async () => {
    const { port } = await proxyOf(protocol, 'is silent');
    const place = { host: 'chat.invalid', port: 18888 };
    expect(await failure(connector(protocol, port, { timeoutMs: 5 }).connect(place))).toBe(
      `HR_ERR_TIMEOUT_CONNECT no connection to chat.invalid:18888 through the proxy ${HOST}:${port} within 5 ms`,
    );
    const abort = new AbortController();
    const connecting = failure(connector(protocol, port).connect(place, abort));
    abort.abort(new Error('enough'));
    expect(await connecting).toContain('enough');
    expect(await failure(connector(protocol, port).connect(place, abort))).toContain('enough');
  });
});

it('refuses invalid options and places', async () => {
  expect(() => connector('http', 0)).toThrow('port is 0');
  expect(() => connector('ftp' as never, 1)).toThrow('protocol is');
  expect(await failure(connector('http', 1).connect({ path: '/a' } as never))).toContain('path');
  const lookup = () => {};
  const place = { host: 'a', port: 1, lookup };
  expect(await failure(connector('http', 1).connect(place))).toContain('has no option lookup');
});
