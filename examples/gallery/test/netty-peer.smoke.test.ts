// A real Netty at the other end, once in each role. Ours is in this process; the heavy test has it as a program, too.
import { silentLogger, systemClock } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { exchangeFrames, startClient, startServer } from '../src/netty-peer.ts';
import { missing, peer } from './program.ts';

const JAVA = 'NettyPeer.java';
const HOST = '127.0.0.1';
const FRAMES = 100;
/** Longer than the test: Netty sends no PING of its own. */
const QUIET_MS = 600_000;
const options = { clock: systemClock, logger: silentLogger };

const absent = missing(JAVA);
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

describe.runIf(absent === '')(`Netty${absent}`, () => {
  it('as a server signs our client in, and gets what it sends', async () => {
    const netty = peer(JAVA, ['server', HOST, 0]);
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const client = startClient({ host: HOST, port: await netty.port() }, 'ann', log, options);
    open.push(client);
    await client.start();
    client.writeAndFlush('hello');
    client.writeAndFlush('wörld');
    await expect.poll(() => lines).toEqual(['AUTH_OK', 'ECHO:hello', 'ECHO:wörld']);
    await netty.says(/^wörld$/);
    expect(netty.lines.slice(1)).toEqual(['AUTH:ann', 'hello', 'wörld']);
  });

  it('as a client signs in at our server, talks, and hears what goes to all', async () => {
    const { server, broadcast } = await startServer({ host: HOST, port: 0 }, 120_000, options);
    open.push(server);
    const netty = peer(JAVA, ['client', HOST, server.port, QUIET_MS]);
    await netty.says(/^AUTH_OK$/);
    netty.type('hello\nPING\nwörld\n');
    await netty.says(/^ECHO:wörld$/);
    broadcast('news');
    await netty.says(/^news$/);
    expect(netty.lines).toEqual(['AUTH_OK', 'ECHO:hello', 'PONG', 'ECHO:wörld', 'news']);
    await server.close();
    await netty.says(/^closed$/);
  });

  it('frames what we unframe, and the other way round', async () => {
    const netty = peer(JAVA, ['frames', HOST, 0, FRAMES]);
    const place = { host: HOST, port: await netty.port() };
    const lines: string[] = [];
    await exchangeFrames(place, FRAMES, (line: string) => void lines.push(line));
    await netty.says(/^received/);
    const [, sent, received] = netty.lines;
    expect(sent).toMatch(/^sent 100 frames, digest [\da-f]{8}$/);
    expect(lines).toEqual([
      received!.replace('received', 'sent'),
      sent!.replace('sent', 'received'),
    ]);
  });
});
