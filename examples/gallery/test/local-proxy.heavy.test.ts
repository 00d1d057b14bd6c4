import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@headrace/workers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { attack, isListening, Program, peer, system } from './program.ts';

let folder: string;
let path: string;
let env: Record<string, string | number>;
let memcached: Program;

async function startMemcached(port: number): Promise<Program> {
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const program = new Program('memcached', ['-l', '127.0.0.1', '-p', String(port), ...user]);
  for (;;) {
    if (await isListening(port)) return program;
    if (program.hasEnded) throw new Error(program.output);
  }
}

/** What memcached answers to a question, at its port or through the proxy. */
function ask(place: string | number, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = typeof place === 'string' ? connect(place) : connect(place, '127.0.0.1');
    let answer = '';
    socket.on('error', reject).on('close', () => resolve(answer));
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
      if (/(?:END|STORED|OK)\r\n$/.test(answer)) socket.destroy();
    });
    socket.write(question);
  });
}

async function statistic(name: string): Promise<number> {
  const answer = await ask(Number(env['PORT']), 'stats\r\n');
  return Number(new RegExp(`STAT ${name} (\\d+)`).exec(answer)![1]);
}

/** The proxy, with its path as the first line. */
async function startProxy(settings: Record<string, number> = {}): Promise<Program> {
  const proxy = system('local-proxy', undefined, { ...env, ...settings });
  await proxy.says(/headrace-proxy\.sock$/);
  expect(proxy.lines).toEqual([path]);
  return proxy;
}

const script = (...args: (string | number)[]): Program =>
  peer('local-proxy.php', [args[0]!, '127.0.0.1', env['PORT']!, ...args.slice(1)], env);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-gallery-'));
  path = join(folder, 'headrace-proxy.sock');
  env = { TMPDIR: folder, PORT: await freePort('127.0.0.1', 0) };
  memcached = await startMemcached(Number(env['PORT']));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('carries 10,000 short connections of a script over the four that it has, and whole values', async () => {
  const idle = await statistic('curr_connections');
  const proxy = await startProxy();
  const before = await statistic('total_connections');
  const short = script('client', 10_000);
  expect(await short.exit).toBe(0);
  expect(short.lines).toEqual(['10000 exchanges, 0 wrong']);
  const values = script('values', 512 * 1024);
  expect(await values.exit).toBe(0);
  expect(values.lines).toEqual([
    '524288 bytes identical',
    '524288 bytes identical',
    '524286 bytes identical',
  ]);
  // Scripts that are killed while they read a value leave nothing of it to others.
  for (let at = 0; at < 8; at++) {
    const cut = script('cut', `value${at % 3}`);
    await cut.says(/^read \d+ bytes$/);
    const next = ask(path, 'get greeting\r\n');
    cut.kill();
    expect(await cut.exit).toBe('SIGKILL');
    expect(await next).toBe('VALUE greeting 0 5\r\nhello\r\nEND\r\n');
  }
  // The asking itself takes one.
  expect((await statistic('total_connections')) - before - 1).toBe(0);
  await proxy.stop();
  expect(existsSync(path)).toBe(false);
  // One count below the limit is enough: the next may still include the connection that asked.
  await expect
    .poll(() => statistic('curr_connections'), { timeout: 60_000, interval: 20 })
    .toBeLessThanOrEqual(idle);
});

it('fails while memcached is dead, and serves when it is back', async () => {
  const proxy = await startProxy();
  const watch = script('watch');
  await watch.says(/^served$/);
  memcached.kill();
  await memcached.exit;
  await watch.says(/^failed$/);
  await startMemcached(Number(env['PORT']));
  await watch.says(/^served$/, 2);
  expect(watch.lines).toEqual(['served', 'failed', 'served']);
  // Killed itself, it comes back on the socket file that it left.
  proxy.kill();
  expect(await proxy.exit).toBe('SIGKILL');
  expect(existsSync(path)).toBe(true);
  const second = await startProxy();
  await watch.says(/^served$/, 4);
  expect(watch.lines).toEqual(['served', 'failed', 'served', 'failed', 'served']);
  watch.kill();
  await watch.exit;
  await second.stop();
  expect(existsSync(path)).toBe(false);
});

it('survives input that is not a request, and ends half of one after the silence', async () => {
  const proxy = await startProxy({ INTERVAL_MS: 3000 });
  const serves = async (): Promise<void> => {
    expect(await ask(path, 'set k 0 0 5\r\nhello\r\n')).toBe('STORED\r\n');
    expect(await ask(path, 'get k\r\n')).toBe('VALUE k 0 5\r\nhello\r\nEND\r\n');
  };
  await serves();
  const half = 'set k 0 0 100\r\nhalf of a val';
  const silent = connect(path);
  silent.resume().write(half);
  const ended = new Promise<void>((resolve) => {
    silent.on('close', () => resolve());
  });
  await attack(proxy, path, { half, silenceMs: 4000 }, serves);
  await ended;
  proxy.kill('SIGTERM');
  expect(await proxy.exit).toBe(0);
});

it('is one line and exit code 1 if another proxy listens there', async () => {
  const proxy = await startProxy();
  const second = system('local-proxy', 'server', env);
  expect(await second.exit).toBe(1);
  expect(second.lines).toEqual([]);
  expect(second.errors).toMatch(/^gallery: cannot listen on .*headrace-proxy\.sock: .*\n$/);
  await proxy.stop();
});

it('compares direct connections, the proxy and nutcracker', async () => {
  const proxy = await startProxy();
  const args = ['compare', '127.0.0.1', env['PORT']!, 1000];
  const compare = peer('local-proxy-compare.php', args, env);
  expect(await compare.exit).toBe(0);
  expect(compare.errors).toBe('');
  const rows = compare.lines.slice(1).map((line) => line.trim().split(/\s+/));
  expect(rows.map(([name]) => name)).toEqual(['direct', 'headrace', 'nutcracker']);
  for (const [, ...numbers] of rows) {
    expect(numbers.length).toBe(4);
    for (const number of numbers) expect(Number(number)).toBeGreaterThanOrEqual(0);
    expect(Number(numbers[0])).toBeGreaterThan(0);
  }
  await proxy.stop();
});
