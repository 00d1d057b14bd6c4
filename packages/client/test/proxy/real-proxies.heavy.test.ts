import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProxyConnector } from '@headrace/client';
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  PEER_CERTIFICATE,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../../core/test/fixture/certificates.ts';
import { freePort } from '../../../core/test/fixture/free-port.ts';

const HOST = '127.0.0.1';
const USER = { username: 'ann', password: 'secret' };
const folder = mkdtempSync(join(tmpdir(), 'headrace-proxy-'));
let proxy: ChildProcess | undefined;
let server: Server | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
  if (proxy === undefined || proxy.exitCode !== null) return;
  proxy.kill('SIGKILL');
  await once(proxy, 'exit');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A program, with what makes it listen on a port, and how its log names what was asked for. */
const PROGRAMS = [
  {
    program: 'tinyproxy',
    protocol: 'http',
    argumentsFor: (port: number) => {
      const file = join(folder, 'tinyproxy.conf');
      const lines = [
        `Port ${port}`,
        `Listen ${HOST}`,
        'Timeout 20',
        'LogLevel Connect',
        `BasicAuth ${USER.username} ${USER.password}`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return ['-d', '-c', file];
    },
    asked: (port: number) => `CONNECT localhost:${port}`,
  },
  {
    program: 'microsocks',
    protocol: 'socks5',
    argumentsFor: (port: number) => [
      ...['-i', HOST, '-p', String(port), '-u', USER.username, '-P', USER.password],
    ],
    asked: (port: number) => `connected to localhost:${port}`,
  },
] as const;

describe.each(PROGRAMS)('behind $program', ({ program, protocol, argumentsFor, asked }) => {
  const isThere = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  if (!isThere && process.env['CI'] === 'true') {
    throw new Error(`${program} is missing: apt-get install ${program}`);
  }

  it.skipIf(!isThere)('speaks TLS with a server whose name the proxy finds', async () => {
    const own = await selfSigned('localhost');
    server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((channel) => channel.pipeline.addLast(new EchoHandler()))
      .bind({ host: HOST, port: 0, tls: own });
    const port = await freePort();
    const log = start(program, argumentsFor(port));
    await listening(port, log);
    const connect = (password: string) =>
      new ProxyConnector({
        bootstrap: new Bootstrap()
          .options({ logger: silentLogger })
          .handler((channel) => channel.pipeline.addLast(...textLines())),
        ...{ protocol, host: HOST, port, username: USER.username, password },
      }).connect({ host: 'localhost', port: server!.port, tls: { ca: own.cert } });
    const channel = await connect(USER.password);
    expect(channel.attributes.get(PEER_CERTIFICATE)?.subject).toBe('CN=localhost');
    const lines = Array.from({ length: 1000 }, (_, index) => `line ${index} ${'x'.repeat(500)}`);
    for (const line of lines) channel.write(line);
    channel.flush();
    const echoed: unknown[] = [];
    for await (const line of channel) if (echoed.push(line) === lines.length) break;
    expect(echoed).toEqual(lines);
    channel.close();
    expect(log.join('')).toContain(asked(server.port));
    await expect(connect('wrong')).rejects.toThrow(/the proxy .* refused the connection/);
  });
});

/** Starts it; what it logs is appended to the array. */
function start(program: string, given: readonly string[]): string[] {
  const log: string[] = [];
  proxy = spawn(program, given, { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [proxy.stdout!, proxy.stderr!]) {
    stream.on('data', (bytes) => void log.push(String(bytes)));
  }
  return log;
}

async function listening(port: number, log: readonly string[]): Promise<void> {
  for (let left = 200; left > 0; left -= 1) {
    if (proxy!.exitCode !== null) throw new Error(`the proxy has ended: ${log.join('')}`);
    const socket = net.connect({ port, host: HOST });
    const isListening = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isListening) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the proxy does not listen: ${log.join('')}`);
}
