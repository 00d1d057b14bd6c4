import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import net from 'node:net';
import { silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { SyslogMessage } from '../src/syslog-message.ts';
import { type SyslogReceiver, startReceiver } from '../src/syslog-receiver.ts';

const host = '127.0.0.1';
const HAS_LOGGER = spawnSync('logger', ['--version'], { encoding: 'utf8' }).stdout?.includes(
  'util-linux',
);
const messages: SyslogMessage[] = [];
let receiver: SyslogReceiver;

afterEach(async () => {
  messages.length = 0;
  await receiver[Symbol.asyncDispose]();
});

async function start(): Promise<number> {
  const onMessage = (message: SyslogMessage): void => void messages.push(message);
  receiver = await startReceiver({ port: 0, host, onMessage, logger: silentLogger });
  return receiver.port;
}

const texts = (): string[] => messages.map(({ text }) => text);

describe('the syslog receiver', () => {
  it('reads on after a datagram that is none, and after a connection that is ended for one', async () => {
    const port = await start();
    const socket = dgram.createSocket('udp4');
    for (const text of ['<13>1 broken', '<13>o\r\n\0ne\r\n\0', '', '<13>1 - - - - - - two']) {
      await new Promise((resolve) => socket.send(text, port, host, resolve));
    }
    await expect.poll(texts, { timeout: 10_000 }).toEqual(['o\r\n\0ne', 'two']);
    socket.close();
    const broken = net.connect({ host, port }).on('error', () => {});
    const ended = new Promise((resolve) => broken.once('close', resolve));
    broken.write('<13>1 broken\n');
    broken.resume();
    await ended;
    net.connect({ host, port }).end('7 <13>a\nb<13>c\n');
    await expect.poll(texts, { timeout: 10_000 }).toEqual(['o\r\n\0ne', 'two', 'a\nb', 'c']);
  });

  it.skipIf(!HAS_LOGGER)(
    "gets what logger sends (skipped without util-linux's logger)",
    async () => {
      const port = await start();
      for (const how of [
        ['--udp'],
        ['--udp', '--rfc3164'],
        ['--tcp'],
        ['--tcp', '--octet-count'],
        ['--tcp', '--rfc3164'],
      ]) {
        const text = `by ${how.join(' ')}`;
        const to = ['--server', host, '--port', String(port), ...how];
        const child = spawnSync('logger', [...to, '-t', 'app', '-p', 'auth.err', text]);
        expect(child.status).toBe(0);
        await expect.poll(() => texts().at(-1), { timeout: 10_000 }).toBe(text);
        const format = how.includes('--rfc3164') ? 'RFC 3164' : 'RFC 5424';
        expect(messages.at(-1)).toMatchObject({ facility: 4, severity: 3, app: 'app', format });
      }
      expect(messages.length).toBe(5);
    },
  );
});
