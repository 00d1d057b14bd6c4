// TCP and Unix sockets, and channels as streams.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelStreams, ServerBootstrap } from '@headrace/core';
import { closeOf, dial, echo, serve, take } from './peers.mjs';

export const socketTrials = {
  async 'echo over TCP'() {
    const server = await serve(() => [echo]);
    const client = await dial(server);
    await client.writeAndFlush(Buffer.from('hello'));
    equal(String(await take(client, 1)), 'hello');
    deepEqual(client.remoteAddress, { host: '127.0.0.1', port: server.port, family: 'IPv4' });
    await client.close();
    equal(await closeOf(client), 'local by local');
    await server.close();
  },

  async "connections of the runtime's own, one line in the log"() {
    const runtimes = ['bun', 'deno', 'node'];
    const runtime = runtimes.find((name) => process.versions[name] !== undefined);
    const kind = { bun: 'bun', deno: 'socket', node: 'handle' }[runtime];
    const lines = [];
    const log = (level, text) => void lines.push(`${level}${/ takes \w+/.exec(text)?.[0]}`);
    const server = await new ServerBootstrap()
      .options({ logger: { log } })
      .childHandler(() => {})
      .bind({ host: '127.0.0.1', port: 0 });
    equal(server.transportKind, kind);
    deepEqual(lines, [`debug takes ${kind}s`]);
    await server.close();
  },

  async 'echo over a Unix socket'() {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-trial-'));
    const path = join(folder, 'socket');
    try {
      const server = await serve(() => [echo], { path });
      const client = await dial(server, () => [], { path });
      await client.writeAndFlush(Buffer.from('hello'));
      equal(String(await take(client, 1)), 'hello');
      deepEqual(server.address, { path });
      await client.close();
      await server.close();
      ok(!existsSync(path), 'the file of the socket is still there');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  async 'channels as web streams'() {
    const server = await new ServerBootstrap()
      .childOptions({ allowHalfOpen: true })
      .childHandler((channel) => {
        const { readable, writable } = channelStreams(channel);
        void readable.pipeTo(writable);
      })
      .bind({ host: '127.0.0.1', port: 0 });
    const client = await dial(server);
    await client.writeAndFlush(Buffer.from('there and back'));
    equal(String(await take(client, 1)), 'there and back');
    await client.end();
    await client.closed;
    await server.close();
  },
};
