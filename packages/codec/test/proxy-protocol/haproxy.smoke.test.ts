import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import {
  PROXY_HEADER,
  type ProxyHeader,
  ProxyProtocolDecoder,
  ProxyProtocolEncoder,
  proxyHeader,
} from '@headrace/codec';
import {
  type Address,
  Bootstrap,
  type Context,
  clientAddress,
  type Server,
  ServerBootstrap,
  TlsServerContext,
} from '@headrace/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../../../core/test/fixture/certificates.ts';
import { freePort } from '../../../core/test/fixture/free-port.ts';
import type { ProxyProtocolDecoderOptions } from '../../src/proxy-protocol/proxy-protocol-decoder.ts';

const hasHaproxy = spawnSync('haproxy', ['-v']).status === 0;
if (!hasHaproxy && process.env['CI'] === 'true') {
  throw new Error('haproxy is missing: apt-get install haproxy');
}
const title = hasHaproxy
  ? 'behind a real HAProxy'
  : 'behind a real HAProxy (skipped: there is no haproxy here)';

const folder = mkdtempSync(join(tmpdir(), 'headrace-haproxy-'));
const certificate = await selfSigned('localhost');
const pem = join(folder, 'server.pem');
writeFileSync(pem, certificate.key + certificate.cert);

const open: { close(): unknown }[] = [];
let haproxy: ChildProcess | undefined;

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  if (haproxy === undefined || haproxy.exitCode !== null) return;
  haproxy.kill('SIGKILL');
  await once(haproxy, 'exit');
  haproxy = undefined;
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Backend {
  readonly server: Server;
  /** The headers that came, in order. */
  readonly headers: ProxyHeader[];
  /** Resolves with the first header of this command, once there is one. */
  firstOf(command: ProxyHeader['command']): Promise<ProxyHeader>;
}

/** An echo server that answers with the client's address before each message. */
async function backend(options: Partial<ProxyProtocolDecoderOptions> = {}): Promise<Backend> {
  const headers: ProxyHeader[] = [];
  const waiting = new Set<() => void>();
  const server = await new ServerBootstrap()
    .childHandler((channel) => {
      channel.pipeline.addLast(new ProxyProtocolDecoder({ trusted: ['127.0.0.0/8'], ...options }), {
        userEventTriggered(ctx: Context) {
          const header = ctx.channel.attributes.get(PROXY_HEADER);
          if (header !== undefined && !headers.includes(header)) headers.push(header);
          for (const look of waiting) look();
        },
        channelRead(ctx: Context, message: Buffer) {
          const { host, port } = clientAddress(ctx.channel) as Extract<Address, { host: string }>;
          ctx.writeAndFlush(Buffer.from(`${host} ${port} ${message}`));
        },
        exceptionCaught() {},
      });
    })
    .bind({ port: 0, host: '127.0.0.1' });
  open.push(server);
  const firstOf = (command: ProxyHeader['command']): Promise<ProxyHeader> =>
    new Promise((resolve) => {
      const look = () => {
        const found = headers.find((header) => header.command === command);
        if (found !== undefined) resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { server, headers, firstOf };
}

/** Starts HAProxy in TCP mode in front of a backend; resolves with its port. */
async function proxy(
  bind: string,
  server: string,
  port: number,
  more: readonly string[] = [],
): Promise<number> {
  const own = await freePort();
  const file = join(folder, 'haproxy.cfg');
  const lines = [
    'global',
    '  maxconn 100',
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 20s',
    '  timeout server 20s',
    ...more.map((line) => `  ${line}`),
    'listen front',
    `  bind 127.0.0.1:${own} ${bind}`,
    `  server back 127.0.0.1:${port} ${server}`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  haproxy = spawn('haproxy', ['-f', file, '-db'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  haproxy.stderr!.on('data', (bytes) => {
    log += bytes;
  });
  for (let attempt = 0; attempt < 600; attempt++) {
    if (haproxy.exitCode !== null) throw new Error(`haproxy ended: ${log}`);
    if (await accepts(own)) return own;
  }
  throw new Error(`haproxy does not listen: ${log}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => setTimeout(resolve, 50, false));
  });
}

/** Says hello and returns the answer and the own port. */
async function hello(socket: net.Socket): Promise<{ answer: string; port: number }> {
  open.push({ close: () => socket.destroy() });
  await once(socket, socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect');
  socket.write('hello');
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return { answer: String(bytes), port: socket.localPort! };
}

const dial = (port: number): Promise<{ answer: string; port: number }> =>
  hello(net.connect(port, '127.0.0.1'));
const dialTls = (port: number): Promise<{ answer: string; port: number }> =>
  hello(
    tls.connect({
      port,
      host: '127.0.0.1',
      ca: certificate.cert,
      servername: 'localhost',
      ALPNProtocols: ['chat/1'],
    }),
  );

describe.runIf(hasHaproxy)(title, () => {
  beforeAll(() => {
    expect(String(spawnSync('haproxy', ['-v']).stdout)).toMatch(/HAProxy version/);
  });

  it.each(['send-proxy', 'send-proxy-v2'])(
    '%s announces the address of the client',
    async (option) => {
      const { server, headers } = await backend();
      const port = await proxy('', option, server.port);
      const { answer, port: own } = await dial(port);
      expect(answer).toBe(`127.0.0.1 ${own} hello`);
      expect(headers.at(-1)).toMatchObject({
        version: option === 'send-proxy' ? 1 : 2,
        command: 'proxy',
        transport: 'tcp4',
        destination: { host: '127.0.0.1', port, family: 'IPv4' },
      });
    },
  );

  it('send-proxy-v2 with a checksum and a unique id', async () => {
    const { server, headers } = await backend();
    const port = await proxy('', 'send-proxy-v2 proxy-v2-options crc32c,unique-id', server.port);
    await dial(port);
    expect(headers.at(-1)!.tlvs.map(({ name }) => name)).toContain('crc32c');
  });

  it('send-proxy-v2-ssl describes the TLS that the proxy ended', async () => {
    const { server, headers } = await backend();
    const options = 'send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher,authority,crc32c';
    const port = await proxy(`ssl crt ${pem} alpn chat/1`, options, server.port);
    const { answer, port: own } = await dialTls(port);
    expect(answer).toBe(`127.0.0.1 ${own} hello`);
    const { tlvs } = headers.at(-1)!;
    const ssl = tlvs.find(({ name }) => name === 'ssl');
    expect(ssl).toMatchObject({ isTls: true, hasConnectionCertificate: false });
    const inside = ssl?.name === 'ssl' ? ssl.tlvs : [];
    expect(inside).toContainEqual(
      expect.objectContaining({ name: 'ssl-version', text: 'TLSv1.3' }),
    );
    expect(inside.map(({ name }) => name)).toContain('ssl-cipher');
    expect(tlvs).toContainEqual(expect.objectContaining({ name: 'authority', text: 'localhost' }));
    expect(tlvs).toContainEqual(expect.objectContaining({ name: 'alpn', text: 'chat/1' }));
  });

  it.each(['send-proxy', 'send-proxy-v2'])(
    '%s in front of TLS that is passed through',
    async (option) => {
      const side = new TlsServerContext({ cert: certificate.cert, key: certificate.key });
      const { server } = await backend({ tls: side });
      const port = await proxy('', option, server.port);
      const { answer, port: own } = await dialTls(port);
      expect(answer).toBe(`127.0.0.1 ${own} hello`);
    },
  );

  it('a health check of its own is not a client', async () => {
    const { server, firstOf } = await backend();
    // It waits for an answer: a plain check resets the connection at once, and a server that accepts late cannot ask
    // any more whose it is, so it does not trust it.
    const check = ['timeout check 20s', 'option tcp-check', 'tcp-check connect send-proxy'];
    check.push('tcp-check send hello', 'tcp-check expect string hello');
    await proxy('', 'send-proxy-v2 check inter 1s', server.port, check);
    // Our own look whether the proxy listens is a client, and may come first.
    expect(await firstOf('local')).toMatchObject({ command: 'local', source: undefined });
  });

  it.each([1, 2] as const)(
    'takes our header of version %d and passes the client on',
    async (version) => {
      const { server, headers } = await backend();
      const port = await proxy('accept-proxy', 'send-proxy-v2', server.port);
      const source: Address = { host: '203.0.113.7', port: 51_000, family: 'IPv4' };
      const destination: Address = { host: '192.0.2.1', port: 443, family: 'IPv4' };
      let received!: (text: string) => void;
      const answer = new Promise<string>((resolve) => {
        received = resolve;
      });
      const client = await new Bootstrap()
        .handler((channel) => {
          channel.pipeline.addLast(
            new ProxyProtocolEncoder(proxyHeader(source, destination, { version })),
            { channelRead: (_ctx: Context, bytes: Buffer) => received(String(bytes)) },
          );
        })
        .connect({ port, host: '127.0.0.1' });
      open.push(client);
      client.writeAndFlush(Buffer.from('hello'));
      expect(await answer).toBe('203.0.113.7 51000 hello');
      expect(headers.at(-1)).toMatchObject({ source, destination });
    },
  );

  it('is refused where it is not trusted', async () => {
    const { server, headers } = await backend({ trusted: ['192.0.2.1'] });
    const port = await proxy('', 'send-proxy', server.port);
    const socket = net.connect(port, '127.0.0.1');
    open.push({ close: () => socket.destroy() });
    socket.on('error', () => {});
    await once(socket, 'close');
    expect(headers).toEqual([]);
  });
});
