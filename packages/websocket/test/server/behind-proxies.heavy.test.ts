// A page behind a proxy that ends TLS, on this machine, with a real haproxy and a real nginx.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientAddress, type Server, ServerBootstrap } from '@headrace/core';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { selfSigned } from '../../../core/test/fixture/certificates.ts';
import { freePort } from '../../../core/test/fixture/free-port.ts';
import { HttpEndpoint, WebSocketTextCodec } from '../../src/index.ts';
import type { HttpEndpointOptions } from '../../src/server/http-endpoint.ts';

interface Ports {
  readonly front: number;
  readonly back: number;
}

/** One of the proxies: its configuration as the guide has it, and how it is started. */
interface ProxyProgram {
  readonly name: string;
  readonly config: (ports: Ports) => string;
  readonly args: (file: string) => readonly string[];
}

const folder = mkdtempSync(join(tmpdir(), 'headrace-proxies-'));
const { key, cert } = await selfSigned('chat.example');
const pem = join(folder, 'server.pem');
writeFileSync(pem, key + cert);

const PROXIES: readonly ProxyProgram[] = [
  {
    name: 'haproxy',
    args: (file) => ['-db', '-f', file],
    config: ({ front, back }) => `
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
  timeout tunnel 1h
frontend pages
  bind 127.0.0.1:${front} ssl crt ${pem}
  option forwardfor
  http-request del-header X-Forwarded-Host
  default_backend chat
backend chat
  server chat 127.0.0.1:${back}
`,
  },
  {
    name: 'nginx',
    args: (file) => ['-p', folder, '-c', file, '-e', join(folder, 'error.log')],
    config: ({ front, back }) => `
daemon off;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${front} ssl;
    ssl_certificate ${pem};
    ssl_certificate_key ${pem};
    location / {
      proxy_pass http://127.0.0.1:${back};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host "";
      proxy_read_timeout 1h;
    }
  }
}
`,
  },
];

for (const { name } of PROXIES) {
  const isMissing = spawnSync(name, ['-v']).status !== 0;
  if (isMissing && process.env['CI'] === 'true') {
    throw new Error(`${name} is missing: apt-get install ${name}`);
  }
}

let server: Server | undefined;
let proxy: ChildProcess | undefined;

afterEach(async () => {
  if (proxy !== undefined) {
    proxy.kill('SIGTERM');
    await once(proxy, 'exit');
  }
  await server?.close();
  proxy = undefined;
  server = undefined;
});

afterAll(() => rmSync(folder, { recursive: true }));

/** An echo behind the proxy; resolves with the proxy's port once it listens. */
async function start(program: ProxyProgram, options: HttpEndpointOptions): Promise<number> {
  const endpoint = new HttpEndpoint({
    webSocket: (channel) =>
      channel.pipeline.addLast(new WebSocketTextCodec(), {
        channelRead: (ctx, text: string) => {
          const client = clientAddress(ctx.channel);
          const host = client !== undefined && 'host' in client ? client.host : 'nobody';
          ctx.writeAndFlush(`${text} from ${host}`);
        },
      }),
    ...options,
  });
  server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .childOptions({ logger: { log() {} } })
    .bind({ port: 0, host: '127.0.0.1' });
  const front = await freePort();
  const file = join(folder, `${program.name}.conf`);
  writeFileSync(file, program.config({ front, back: server.port }));
  proxy = spawn(program.name, program.args(file), { stdio: 'ignore' });
  await expect.poll(() => isListening(front), { timeout: 10_000 }).toBe(true);
  return front;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** What a browser does for a page of `origin` that it has from `host`. */
async function hear(
  port: number,
  host: string,
  origin: string,
  localAddress = '127.0.0.1',
): Promise<string> {
  const headers = {
    Host: host,
    'X-Forwarded-For': '203.0.113.66',
    // Of the client, not of the proxy.
    'X-Forwarded-Host': 'evil.example',
  };
  const options = { origin, headers, localAddress, rejectUnauthorized: false };
  const ws = new WebSocket(`wss://127.0.0.1:${port}/ws`, options);
  ws.on('open', () => ws.send('hello'));
  const heard = await new Promise<string>((resolve) => {
    ws.on('message', (data) => resolve(String(data)));
    ws.on('error', (error) => resolve(error.message));
  });
  ws.terminate();
  return heard;
}

describe.each(PROXIES)('a page behind a real $name that ends TLS', (program) => {
  const isMissing = spawnSync(program.name, ['-v']).status !== 0;

  it.skipIf(isMissing)(
    'opens its WebSocket without any option; one of another site does not',
    async () => {
      const port = await start(program, {});
      expect(await hear(port, 'chat.example', 'https://chat.example')).toBe('hello from 127.0.0.1');
      expect(await hear(port, 'chat.example', 'https://evil.example')).toContain('403');
      expect(await hear(port, 'chat.example', 'null')).toContain('403');
    },
  );

  it.skipIf(isMissing)(
    'is known by the address that the trusted proxy saw, not by one that it claims',
    async () => {
      const port = await start(program, { trustedProxies: ['127.0.0.1'] });
      const heard = await hear(port, 'chat.example', 'https://chat.example', '127.0.0.2');
      expect(heard).toBe('hello from 127.0.0.2');
      expect(await hear(port, 'chat.example', 'https://evil.example')).toContain('403');
    },
  );
});
