// A real Netty at the other end, once in each role.
import { describe, expect, it } from 'vitest';
import { missing, peer, system } from './program.ts';

const NAME = 'netty-peer';
const JAVA = 'NettyPeer.java';
const FRAMES = 500;

const absent = missing(JAVA);

describe.runIf(absent === '')(`Netty${absent}`, () => {
  it('as a server signs our client in, and gets what it sends', async () => {
    const netty = peer(JAVA, ['server', '127.0.0.1', 0]);
    const client = system(NAME, 'client', { PORT: await netty.port() });
    await client.says(/^AUTH_OK$/);
    client.type('hello\nwörld\n');
    await client.says(/^ECHO:wörld$/);
    expect(client.lines).toEqual(['AUTH_OK', 'ECHO:hello', 'ECHO:wörld']);
    await netty.says(/^wörld$/);
    expect(netty.lines.slice(1)).toEqual([`AUTH:client-${client.child.pid}`, 'hello', 'wörld']);
    await client.stop();
  });

  it('as a client signs in at our server, talks, and hears what goes to all', async () => {
    const server = system(NAME, 'server');
    const netty = peer(JAVA, ['client', '127.0.0.1', await server.port()]);
    await netty.says(/^AUTH_OK$/);
    netty.type('hello\nPING\nwörld\n');
    await netty.says(/^ECHO:wörld$/);
    server.type('news\n');
    await netty.says(/^news$/);
    expect(netty.lines).toEqual(['AUTH_OK', 'ECHO:hello', 'PONG', 'ECHO:wörld', 'news']);
    server.kill('SIGTERM');
    await netty.says(/^closed$/);
    expect([await server.exit, server.errors]).toEqual([0, '']);
  });

  it('frames what we unframe, and the other way round', async () => {
    const netty = peer(JAVA, ['frames', '127.0.0.1', 0, FRAMES]);
    const frames = system(NAME, 'frames', { PORT: await netty.port(), ATTEMPTS: FRAMES });
    expect([await frames.exit, frames.errors]).toEqual([0, '']);
    const [, sent, received] = netty.lines;
    expect(sent).toMatch(/^sent 500 frames, digest [\da-f]{8}$/);
    expect(frames.lines).toEqual([
      received!.replace('received', 'sent'),
      sent!.replace('sent', 'received'),
    ]);
  });
});
