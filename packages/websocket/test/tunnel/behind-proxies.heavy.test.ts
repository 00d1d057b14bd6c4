// WebSockets over HTTP requests behind a real haproxy and a real nginx: that drop upgrades, that cut what is silent, that
// hold answers back, that send requests to several servers; from a program and from a page in a real Chromium.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Channel, type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { browserGlobals, forBrowsers } from '../../../../scripts/for-browsers.mjs';
import { freePort } from '../../../core/test/fixture/free-port.ts';
import {
  HttpEndpoint,
  HttpTunnel,
  type HttpTunnelServerOptions,
  WEB_SOCKET_TUNNEL,
  WebSocketBootstrap,
  WebSocketTextCodec,
} from '../../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'headrace-tunnel-'));

interface Setup {
  readonly front: number;
  readonly backs: readonly number[];
  /** Lines of the part that forwards. */
  readonly lines: string;
  /** After so many seconds of silence the proxy cuts. */
  readonly cutSeconds: number;
}

interface ProxyProgram {
  readonly name: string;
  readonly config: (setup: Setup) => string;
  readonly args: (file: string) => readonly string[];
  readonly sticky: string;
}

/** What `fixture/page.ts` adds. */
interface Page {
  talk(texts: readonly string[]): Promise<unknown>;
}

const haproxy: ProxyProgram = {
  name: 'haproxy',
  args: (file) => ['-db', '-f', file],
  sticky: 'balance source',
  config: ({ front, backs, lines, cutSeconds }) => `
defaults
  mode http
  timeout connect 5s
  timeout client ${cutSeconds}s
  timeout server ${cutSeconds}s
frontend pages
  bind 127.0.0.1:${front}
  option forwardfor
  http-request del-header X-Forwarded-Host
  # Lets no WebSocket through.
  http-request deny deny_status 400 if { hdr(Upgrade) -m found }
  default_backend chat
backend chat
  ${lines || 'balance roundrobin'}
${backs.map((port, i) => `  server chat${i} 127.0.0.1:${port}`).join('\n')}
`,
};

const nginx: ProxyProgram = {
  name: 'nginx',
  args: (file) => ['-p', folder, '-c', file, '-e', join(folder, 'error.log')],
  sticky: 'ip_hash;',
  config: ({ front, backs, lines, cutSeconds }) => `
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
  upstream chat {
    ${lines.includes('ip_hash') ? lines : ''}
    ${backs.map((port) => `server 127.0.0.1:${port};`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${front};
    location / {
      # Without its two lines for upgrades: it drops them.
      proxy_pass http://chat;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host "";
      proxy_read_timeout ${cutSeconds}s;
      ${lines.includes('ip_hash') ? '' : lines}
    }
  }
}
`,
};

const isThere = ({ name }: ProxyProgram): boolean => spawnSync(name, ['-v']).status === 0;
for (const program of [haproxy, nginx]) {
  if (!isThere(program) && process.env['CI'] === 'true') {
    throw new Error(`${program.name} is missing: apt-get install ${program.name}`);
  }
}
const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

let servers: Server[] = [];
let proxy: ChildProcess | undefined;

afterEach(async () => {
  if (proxy !== undefined) {
    proxy.kill('SIGTERM');
    await once(proxy, 'exit');
  }
  for (const server of servers) await server.close();
  servers = [];
  proxy = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

interface StartOptions {
  readonly lines?: string;
  readonly cutSeconds?: number;
  readonly count?: number;
  readonly httpTunnel?: HttpTunnelServerOptions;
  readonly page?: string;
}

/** Servers behind the proxy; resolves with the proxy's port once it listens. */
async function start(program: ProxyProgram, options: StartOptions = {}): Promise<number> {
  const { lines = '', cutSeconds = 50, count = 1, httpTunnel = {}, page = '' } = options;
  for (let i = 0; i < count; i++) {
    const endpoint = new HttpEndpoint({
      httpTunnel,
      request: (_request, response) => {
        response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page);
      },
      webSocket: (channel) =>
        channel.pipeline.addLast(new WebSocketTextCodec(), {
          channelRead: (ctx, text: string) => void ctx.writeAndFlush(text.toUpperCase()),
        }),
    });
    const bootstrap = new ServerBootstrap()
      .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
      .childOptions({ logger: silentLogger });
    servers.push(await bootstrap.bind({ port: 0, host: '127.0.0.1' }));
  }
  const front = await freePort();
  const file = join(folder, `${program.name}.conf`);
  const backs = servers.map(({ port }) => port);
  writeFileSync(file, program.config({ front, backs, lines, cutSeconds }));
  proxy = spawn(program.name, program.args(file), { stdio: 'ignore' });
  await expect.poll(() => isListening(front), { timeout: 20_000 }).toBe(true);
  return front;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      resolve(true);
      socket.destroy();
    });
  });
}

function connect(port: number): Promise<Channel<string, string>> {
  return new WebSocketBootstrap()
    .options({ httpTunnel: new HttpTunnel({ answerTimeoutMs: 10_000 }), logger: silentLogger })
    .handler(({ pipeline }) => pipeline.addLast(new WebSocketTextCodec()))
    .connect(`ws://127.0.0.1:${port}/ws`);
}

/** Hears before its request has settled: the answer may come by the one way before the server's word of the other. */
async function ask(channel: Channel<string, string>, text: string): Promise<string> {
  channel.writeAndFlush(text);
  for await (const answer of channel) return answer;
  throw new Error('the channel ended before the answer');
}

describe.each([haproxy, nginx])('behind a real $name', (program) => {
  const skips = it.skipIf(!isThere(program));

  skips('messages pass where it drops upgrades, each as it comes', async () => {
    const channel = await connect(await start(program));
    expect(channel.attributes.get(WEB_SOCKET_TUNNEL)).toBe(true);
    const heard: string[] = [];
    channel.writeAndFlush('message 0');
    for await (const text of channel) {
      if (heard.push(text) === 50) break;
      channel.writeAndFlush(`message ${heard.length}`);
    }
    expect(heard).toEqual(Array.from({ length: 50 }, (_, i) => `MESSAGE ${i}`));
  });

  skips('it does not cut a quiet session', async () => {
    const port = await start(program, { cutSeconds: 3, httpTunnel: { keepAliveMs: 1000 } });
    const channel = await connect(port);
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(channel.isActive).toBe(true);
    expect(await ask(channel, 'still there')).toBe('STILL THERE');
  });

  skips('it cuts a quiet session without comments, and its client knows', async () => {
    const silent = await start(program, { cutSeconds: 4, httpTunnel: { keepAliveMs: false } });
    const cut = await connect(silent);
    await cut.closed;
    expect(cut.closeInfo?.reason).toBe('reset');
  });

  skips('two servers without sticky sessions are found out at the start', async () => {
    const port = await start(program, { count: 2 });
    await expect(connect(port)).rejects.toMatchObject({ code: 'HR_ERR_TUNNEL_ELSEWHERE' });
  });

  skips('two servers with sticky sessions work', async () => {
    const port = await start(program, { count: 2, lines: program.sticky });
    for (let i = 0; i < 5; i++) {
      expect(await ask(await connect(port), 'hello')).toBe('HELLO');
    }
  });

  const hasAll = isThere(program) && existsSync(executablePath);
  const missing = hasAll
    ? ''
    : ` (skipped: no ${program.name}, or no Chromium at ${executablePath})`;
  it.skipIf(!hasAll)(`a page in Chromium talks, and remembers the way${missing}`, async () => {
    const build = await rolldown({
      input: fileURLToPath(new URL('fixture/page.ts', import.meta.url)),
      platform: 'browser',
      plugins: [forBrowsers()],
      transform: { inject: browserGlobals() },
    });
    const { output } = await build.generate({ minify: true });
    await build.close();
    const text = `<!doctype html><script type="module">${output[0].code}</script>`;
    const port = await start(program, { page: text });
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      const talk = () =>
        page.evaluate(() => (globalThis as unknown as Page).talk(['a ä', 'b', 'c']));
      await page.goto(`http://127.0.0.1:${port}/`);
      const heard = ['A Ä', 'B', 'C'];
      expect(await talk()).toEqual({ heard, wasPreferred: false, isTunnel: true });
      await page.reload();
      expect(await talk()).toEqual({ heard, wasPreferred: true, isTunnel: true });
    } finally {
      await browser.close();
    }
  });
});

describe('behind a real nginx that compresses answers against the wish of the server, and so holds them back', () => {
  it.skipIf(!isThere(nginx))('the client says so', async () => {
    const lines =
      'proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_types text/event-stream; gzip_min_length 0;';
    const port = await start(nginx, { lines });
    await expect(connect(port)).rejects.toMatchObject({ code: 'HR_ERR_TUNNEL_BUFFERED' });
  });
});
