// The implementation that the specification comes from.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Bootstrap, type Channel, type Context, ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { GoAwayEvent, YamuxHandler } from '@headrace/yamux';
import { afterAll, describe, expect, it } from 'vitest';
import { SubstreamProbe } from './yamux-pair.ts';

/** Where Debian has the sources of Go's packages. */
const GOPATH = '/usr/share/gocode';
const isThere =
  spawnSync('go', ['version']).status === 0 &&
  existsSync(`${GOPATH}/src/github.com/hashicorp/yamux`);
const absent = isThere ? '' : ' (needs golang-go and golang-github-hashicorp-yamux-dev)';
/** Substreams that are closed with unread bytes. */
const RESETS = 10;
const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
afterAll(() => rmSync(folder, { recursive: true }));

function build(): string {
  const made = join(folder, 'peer');
  const source = fileURLToPath(new URL('./fixture/peer.go', import.meta.url));
  const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOCACHE: join(folder, 'cache') };
  const { status, stderr } = spawnSync('go', ['build', '-o', made, source], { env });
  if (status !== 0) throw new Error(String(stderr));
  return made;
}

/** Bytes come back as they were sent. */
async function echo(channel: Channel, size: number): Promise<boolean> {
  const bytes = randomBytes(size);
  const [hash, back] = [createHash('sha1'), createHash('sha1')];
  hash.update(bytes);
  let left = size;
  const whole = new Promise<void>((resolve) => {
    channel.pipeline.addLast({
      channelRead(_ctx: Context, part: Buffer) {
        back.update(part);
        left -= part.length;
        if (left === 0) resolve();
      },
    });
  });
  for (let at = 0; at < size; at += 10_000) {
    channel.writeAndFlush(bytes.subarray(at, at + 10_000));
    if (!channel.isWritable) await new Promise<void>((next) => channel.onceWritable(next));
  }
  await whole;
  return back.digest('hex') === hash.digest('hex');
}

describe.runIf(isThere)(`hashicorp/yamux in Go${absent}`, () => {
  const peer = isThere ? build() : '';

  it('opens substreams to a server of ours, by many goroutines at once', async () => {
    const events: unknown[] = [];
    const server = await new ServerBootstrap()
      .childHandler((channel) =>
        channel.pipeline.addLast(
          new YamuxHandler({
            role: 'server',
            childHandler: (substream) => void substream.pipeline.addLast(new EchoHandler()),
          }),
          { userEventTriggered: (_ctx: Context, event: unknown) => void events.push(event) },
        ),
      )
      .bind({ port: 0, host: '127.0.0.1' });
    // More than the window of each.
    const args = ['client', `${server.port}`, '60', '700000'];
    const { stdout, stderr } = await promisify(execFile)(peer, args);
    expect([stdout.trim(), stderr]).toEqual(['echoed', '']);
    await expect.poll(() => events).toContainEqual(new GoAwayEvent(0));
    await server.close();
  });

  it('hears of a reset when a substream of ours closes with unread bytes, and goes on with others', async () => {
    const unread: Channel[] = [];
    let opened = 0;
    const server = await new ServerBootstrap()
      .childHandler((channel) =>
        channel.pipeline.addLast(
          new YamuxHandler({
            role: 'server',
            childOptions: { autoRead: false },
            childHandler: (substream) => {
              opened += 1;
              if (opened > 2 * RESETS) {
                substream.pipeline.addLast(new EchoHandler());
                substream.autoRead = true;
              } else if (opened % 2 === 1) unread.push(substream);
              // All bytes of the one before have come.
              else unread.pop()!.close();
            },
          }),
        ),
      )
      .bind({ port: 0, host: '127.0.0.1' });
    // No more than the window.
    const args = ['reset', `${server.port}`, `${RESETS}`, '200000'];
    const { stdout, stderr } = await promisify(execFile)(peer, args);
    expect([stdout.trim(), stderr, opened]).toEqual(['echoed', '', 3 * RESETS]);
    await server.close();
  });

  it('takes substreams of ours, and opens some itself', async () => {
    const child = spawn(peer, ['server'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const lines: string[] = [];
    const complaints: string[] = [];
    child.stderr.on('data', (text) => complaints.push(String(text)));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    child.stdout.on('data', (text) => lines.push(String(text)));
    const greeting = new SubstreamProbe();
    const yamux = new YamuxHandler({
      role: 'client',
      childHandler: (substream) => void substream.pipeline.addLast(greeting),
      windowBytes: 512 * 1024,
    });
    const channel = await new Bootstrap()
      .handler((connection) => connection.pipeline.addLast(yamux))
      .connect({ host: '127.0.0.1', port: Number(String(line)) });
    const substreams = await Promise.all(Array.from({ length: 40 }, () => yamux.open(() => {})));
    expect(await Promise.all(substreams.map((one) => echo(one, 1_000_000)))).toEqual(
      substreams.map(() => true),
    );
    expect(await yamux.ping()).toBeGreaterThanOrEqual(0);
    for (const one of substreams) one.end();
    await Promise.all(substreams.map(({ closed }) => closed));
    expect(greeting.text).toBe('hello from go');
    expect(yamux.size).toBe(0);
    channel.end();
    await once(child, 'exit');
    expect(lines.join('')).toBe('gone\n');
    expect(complaints.join('')).toBe('');
  });
});
