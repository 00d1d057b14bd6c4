import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Server } from '@headrace/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMiniRedis } from '../src/mini-redis.ts';

const hasTools = ['redis-cli', 'redis-benchmark'].every(
  (tool) => spawnSync(tool, ['--version']).status === 0,
);
if (!hasTools && process.env['CI'] === 'true') {
  throw new Error('redis-cli and redis-benchmark are missing: apt-get install redis-tools');
}
const missing = hasTools ? '' : ' (skipped: there is no redis-cli or redis-benchmark here)';

const run = promisify(execFile);
let server: Server;

beforeEach(async () => {
  server = await startMiniRedis({ port: 0 });
});

afterEach(async () => {
  await server.shutdown({ drainTimeoutMs: 1 });
});

describe.runIf(hasTools)(`the real redis-cli${missing}`, () => {
  /** One command in a process of its own; the answer as people see it. */
  async function ask(...args: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['--no-raw', '-p', String(server.port), ...args]);
    return stdout.trim();
  }

  it('runs every command', async () => {
    expect(await ask('PING')).toBe('PONG');
    expect(await ask('ECHO', 'a b')).toBe('"a b"');
    expect(await ask('SET', 'k', 'v', 'EX', '100')).toBe('OK');
    expect(await ask('GET', 'k')).toBe('"v"');
    expect(await ask('TTL', 'k')).toBe('(integer) 100');
    expect(await ask('SET', 'k', 'w', 'NX')).toBe('(nil)');
    expect(await ask('SET', 'k', 'w', 'XX', 'PX', '5000')).toBe('OK');
    expect(await ask('INCR', 'n')).toBe('(integer) 1');
    expect(await ask('EXPIRE', 'n', '7')).toBe('(integer) 1');
    expect(await ask('MGET', 'k', 'n', 'x')).toBe('1) "w"\n2) "1"\n3) (nil)');
    expect(await ask('DEL', 'k', 'x')).toBe('(integer) 1');
    expect(await ask('PUBLISH', 'news', 'hi')).toBe('(integer) 0');
    expect(await ask('INCR', 'n', 'n')).toBe(
      "(error) ERR wrong number of arguments for 'incr' command",
    );
    expect(await ask('NOPE')).toBe("(error) ERR unknown command 'NOPE', with args beginning with:");
  });

  it('speaks version 3', async () => {
    expect(await ask('-3', 'HELLO')).toMatch(/^1# "server" => "mini-redis"/);
    expect(await ask('-3', 'GET', 'x')).toBe('(nil)');
  });

  it('sends what a pipe holds', async () => {
    const commands = Array.from({ length: 10_000 }, (_, at) => {
      const [key, value] = [`key-${at}`, `value-${at}`];
      return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
    });
    const pipe = run('redis-cli', ['-p', String(server.port), '--pipe']);
    pipe.child.stdin!.end(commands.join(''));
    expect((await pipe).stdout).toContain('errors: 0, replies: 10000');
    expect(await ask('GET', 'key-9999')).toBe('"value-9999"');
  });

  it('listens', async () => {
    const listener = run('redis-cli', ['-p', String(server.port), 'SUBSCRIBE', 'news']);
    const heard = new Promise<string>((resolve) => {
      let text = '';
      listener.child.stdout!.on('data', (chunk) => {
        text += chunk;
        if (text.endsWith('news\n1\n')) void ask('PUBLISH', 'news', 'hello');
        if (text.includes('hello')) resolve(text);
      });
    });
    expect(await heard).toBe('subscribe\nnews\n1\nmessage\nnews\nhello\n');
    listener.child.kill();
    await listener.catch(() => {});
  });
});

describe.runIf(hasTools)(`redis-benchmark${missing}`, () => {
  it('runs with pipelines of 16', async () => {
    const tests = 'ping_inline,ping_mbulk,set,get,incr';
    const args = ['-p', String(server.port), '-P', '16', '-n', '50000', '-t', tests, '--csv'];
    const { stdout, stderr } = await run('redis-benchmark', args);
    expect(stderr).toBe('');
    const rates = [...stdout.matchAll(/^"([A-Z_]+)","([\d.]+)"/gm)];
    expect(rates.map(([, name]) => name)).toEqual([
      ...['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR'],
    ]);
    for (const [, , rate] of rates) expect(Number(rate)).toBeGreaterThan(0);
  });

  it('runs with a thousand clients', async () => {
    const args = ['-p', String(server.port), '-c', '1000', '-n', '20000', '-t', 'set,get', '--csv'];
    const { stdout } = await run('redis-benchmark', args);
    expect(stdout).toMatch(/"GET"/);
  });
});
