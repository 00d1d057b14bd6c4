import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerBootstrap } from '@headrace/core';
import { afterAll, describe, expect, it } from 'vitest';
import { PcapHandler } from '../../src/logging/pcap-handler.ts';
import { PcapWriter } from '../../src/logging/pcap-writer.ts';

const isInstalled = spawnSync('tshark', ['--version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'headrace-tshark-'));
afterAll(() => rmSync(folder, { recursive: true }));

function tshark(file: string, ...args: string[]): string {
  const checks = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  const { stdout, status } = spawnSync('tshark', ['-r', file, ...checks, ...args], {
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  return stdout.trim();
}

/** An echo server whose connections are captured, and one client that talks to it. */
async function capture(host: string, file: string, texts: readonly string[]): Promise<void> {
  using writer = new PcapWriter({ to: file });
  const server = await new ServerBootstrap()
    .childHandler((channel) =>
      channel.pipeline.addLast(new PcapHandler({ writer }), {
        channelRead: (ctx, bytes) => void ctx.writeAndFlush(bytes),
      }),
    )
    .bind({ host, port: 0 });
  const closed = new Promise<void>((resolve) => {
    server.on('connection', (channel) => channel.onClosed(() => resolve()));
  });
  const client = net.connect({ host, port: server.port });
  for (const text of texts) {
    client.write(text);
    let left = text.length;
    while (left > 0) {
      const [bytes] = (await once(client, 'data')) as [Buffer];
      left -= bytes.length;
    }
  }
  client.end();
  await closed;
  await new Promise((resolve) => setImmediate(resolve));
  await server.close();
}

const once = (socket: net.Socket, event: string): Promise<unknown[]> =>
  new Promise((resolve) => socket.once(event, (...args) => resolve(args)));

describe.skipIf(!isInstalled)('tshark (Debian: tshark)', () => {
  it.each(['127.0.0.1', '::1'])('reads a capture of %s without a complaint', async (host) => {
    const file = join(folder, `${net.isIPv6(host) ? 'v6' : 'v4'}.pcap`);
    const large = 'x'.repeat(200_000);
    await capture(host, file, ['hello', large, 'bye']);
    expect(tshark(file, '-Y', 'tcp.analysis.flags || _ws.malformed')).toBe('');
    expect(tshark(file, '-Y', 'tcp.checksum.status == 0 || ip.checksum.status == 0')).toBe('');
    const sizes = tshark(file, '-q', '-z', 'conv,tcp').split('\n').at(-2) ?? '';
    expect(sizes).toContain(net.isIPv6(host) ? '::1' : '127.0.0.1');
    const flags = tshark(file, '-T', 'fields', '-e', 'tcp.flags.str').split('\n');
    expect(flags[0]).toMatch(/S.?$/);
    expect(flags.filter((one) => one.includes('F'))).toHaveLength(2);
  });

  it('follows the stream to the very bytes that were sent', async () => {
    const file = join(folder, 'stream.pcap');
    await capture('127.0.0.1', file, ['GET / HTTP/1.1\r\n', 'Host: x\r\n\r\n']);
    const lines = tshark(file, '-q', '-z', 'follow,tcp,raw,0').split('\n');
    const hex = lines.filter((line) => /^\t?[0-9a-f]+$/.test(line));
    const sent = hex.filter((line) => !line.startsWith('\t')).join('');
    const answered = hex
      .filter((line) => line.startsWith('\t'))
      .map((line) => line.trim())
      .join('');
    const text = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    expect(Buffer.from(sent, 'hex').toString()).toBe(text);
    expect(Buffer.from(answered, 'hex').toString()).toBe(text);
  });
});
