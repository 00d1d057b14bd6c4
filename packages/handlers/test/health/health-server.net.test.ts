import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type LogLevel, OptionError, silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type HealthServer,
  type HealthServerOptions,
  serveHealth,
} from '../../src/health/health-server.ts';
import { ServerMetrics } from '../../src/metrics/server-metrics.ts';

const opened: HealthServer[] = [];
const sockets: Socket[] = [];

async function start(options: Partial<HealthServerOptions> = {}): Promise<HealthServer> {
  const health = await serveHealth({ port: 0, ...options });
  opened.push(health);
  return health;
}

const get = async (
  { port }: HealthServer,
  path: string,
  method = 'GET',
): Promise<[number, string]> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return [answer.status, await answer.text()];
};

/** A stranger: says `text` and collects what comes until the end. */
function stranger({ port }: HealthServer, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write(text);
  let heard = '';
  socket.on('data', (more: string) => {
    heard += more;
  });
  return new Promise((resolve) => socket.on('close', () => resolve(heard)));
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(opened.splice(0).map((health) => health.close()));
});

describe('serveHealth', () => {
  it('is live and ready when nothing is to be checked', async () => {
    const health = await start();
    expect(await get(health, '/healthz')).toEqual([200, 'ok\n']);
    expect(await get(health, '/readyz?verbose')).toEqual([200, 'ok\n']);
    expect(await get(health, '/readyz', 'HEAD')).toEqual([200, '']);
  });

  it('names the checks that do not hold, and takes one that throws for one of them', async () => {
    let isBound = false;
    const lines: string[] = [];
    const logger = {
      log: (_level: LogLevel, text: string, error?: Error) =>
        void lines.push(`${text}: ${error?.message}`),
    };
    const health = await start({
      logger,
      live: { late: (() => Promise.resolve(true)) as never },
      ready: {
        bound: () => isBound,
        bus: () => {
          throw new Error('not joined');
        },
      },
    });
    expect(await get(health, '/readyz')).toEqual([503, 'not ok: bound, bus\n']);
    isBound = true;
    expect(await get(health, '/readyz')).toEqual([503, 'not ok: bus\n']);
    expect(await get(health, '/healthz')).toEqual([503, 'not ok: late\n']);
    expect(lines).toEqual([
      'the check bus of the health server threw: not joined',
      'the check late of the health server threw: live.late returned a promise, but must return its answer at once',
    ]);
  });

  it('is not ready but live while it drains', async () => {
    const health = await start();
    health.drain();
    expect(health.notReady).toEqual(['draining']);
    expect(await get(health, '/readyz')).toEqual([503, 'not ok: draining\n']);
    expect(await get(health, '/healthz')).toEqual([200, 'ok\n']);
  });

  it('serves metrics, made at most four times a second', async () => {
    let made = 0;
    const health = await start({ metrics: { text: () => `made ${++made}\n` } });
    expect(await get(health, '/metrics')).toEqual([200, 'made 1\n']);
    expect(await get(health, '/metrics')).toEqual([200, 'made 1\n']);
    expect(made).toBe(1);
    const real = await start({ metrics: new ServerMetrics() });
    expect((await get(real, '/metrics'))[1]).toContain('headrace_connections_open 0\n');
  });

  it('answers 500 when the metrics cannot be made', async () => {
    const metrics = {
      text() {
        throw new Error('a source failed');
      },
    };
    const lines: string[] = [];
    const logger = {
      log: (level: LogLevel, text: string, error?: Error) =>
        void lines.push(`${level} ${text}: ${error?.message}`),
    };
    const health = await start({ metrics, logger });
    for (let i = 0; i < 3; i++) {
      expect(await get(health, '/metrics')).toEqual([500, 'the metrics could not be made\n']);
    }
    expect(lines).toEqual(['error the metrics could not be made: a source failed']);
  });

  it.each([
    [
      'throw nothing',
      () => {
        throw undefined;
      },
    ],
    ['are a promise', async () => 'late'],
    ['are no text', () => 5],
  ])('answers 500 when the metrics %s', async (_, text) => {
    const health = await start({ metrics: { text: text as never }, logger: silentLogger });
    expect((await get(health, '/metrics'))[0]).toBe(500);
    expect((await get(health, '/healthz'))[0]).toBe(200);
  });

  it('takes an async check for one that does not hold, and its failure for nothing more', async () => {
    const ready = {
      late: (async () => true) as never,
      fails: (async () => {
        throw new Error('not joined');
      }) as never,
    };
    const health = await start({ ready, logger: silentLogger });
    expect(await get(health, '/readyz')).toEqual([503, 'not ok: late, fails\n']);
  });

  it('refuses checks and metrics of a wrong kind', async () => {
    await expect(serveHealth({ port: 0, ready: { x: 'text' } as never })).rejects.toThrow(
      'ready.x',
    );
    await expect(serveHealth({ port: 0, metrics: 5 as never })).rejects.toThrow('metrics');
  });

  it('answers 404 and 405 to anything else', async () => {
    const health = await start();
    expect((await get(health, '/'))[0]).toBe(404);
    expect((await get(health, '/metrics'))[0]).toBe(404);
    expect((await get(health, '/healthz', 'POST'))[0]).toBe(405);
  });

  it('refuses wrong options, and a port that is taken', async () => {
    await expect(serveHealth({ port: 70_000 })).rejects.toThrow(OptionError);
    await expect(serveHealth({ port: 0, checks: {} } as never)).rejects.toThrow('checks');
    await expect(serveHealth({ port: 0, maxConnections: 0 })).rejects.toThrow('maxConnections');
    const { port } = await start();
    await expect(serveHealth({ port })).rejects.toMatchObject({
      code: 'HR_ERR_BIND_FAILED',
      message: expect.stringMatching(
        /^cannot listen on [^ ]+, port \d+: this program or another one uses it already \(EADDRINUSE\)$/,
      ),
    });
  });
});

describe('strangers on the port of serveHealth', () => {
  it('get 408 when their request does not come to an end', async () => {
    const health = await start({ requestTimeoutMs: 100 });
    expect(await stranger(health, 'GET /healthz HTTP/1.1\r\nX: ')).toContain('408');
  });

  it('get 431 for headers that are too long, and 400 for bytes that are not HTTP', async () => {
    const health = await start();
    const long = `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await stranger(health, long)).toContain('431');
    expect(await stranger(health, '\u0000\u0001\u0002 garbage\r\n\r\n')).toContain('400');
    expect(await get(health, '/healthz')).toEqual([200, 'ok\n']);
  });

  it('do not keep probes out with connections: the oldest one gives way, with one warning', async () => {
    const lines: string[] = [];
    const logger = { log: (level: LogLevel, text: string) => void lines.push(`${level} ${text}`) };
    const health = await start({ maxConnections: 4, logger });
    const closed: number[] = [];
    for (let i = 0; i < 10; i++) {
      const socket = connect(health.port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => {}).on('close', () => closed.push(i));
      await new Promise((resolve) => socket.once('connect', resolve));
    }
    expect(await get(health, '/healthz')).toEqual([200, 'ok\n']);
    expect(closed.length).toBeGreaterThanOrEqual(6);
    expect(closed).not.toContain(9);
    const text = `the HTTP server on 127.0.0.1:${health.port} closed its oldest connection, of 127.0.0.1: more than maxConnections (4) are open`;
    expect(lines[0]).toBe(`warn ${text}; further ones are logged at level debug`);
    expect(lines.slice(1).every((line) => line === `debug ${text}`)).toBe(true);
  });

  it('take no place of a connection that asks, also an older one', async () => {
    const health = await start({ maxConnections: 2, logger: { log() {} } });
    const asking = connect(health.port, '127.0.0.1').setEncoding('latin1');
    sockets.push(asking);
    for (let i = 0; i < 5; i++) {
      asking.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      const heard = await Promise.race([once(asking, 'data'), once(asking, 'close')]);
      expect(String(heard)).toContain('200 OK');
      const socket = connect(health.port, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
    }
    expect(asking.destroyed).toBe(false);
  });

  it('cannot keep it open with a connection when it closes', async () => {
    const health = await start({ requestTimeoutMs: 600_000 });
    const heard = stranger(health, 'GET /healthz HTTP/1.1\r\n');
    expect(await get(health, '/healthz')).toEqual([200, 'ok\n']);
    await health.close();
    expect(await heard).toBe('');
    // After a minute Node ends such a connection by itself.
  }, 30_000);
});
