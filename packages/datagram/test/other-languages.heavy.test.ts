// Peers in Python and in C: whether a datagram is one outside Node, too.
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { StringCodec } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, ServerBootstrap } from '@headrace/core';
import { type Datagram, DatagramBootstrap, perPeer, toPeer } from '@headrace/datagram';
import { EchoHandler } from '@headrace/handlers';
import { afterAll, describe, expect, it } from 'vitest';
import { Inbox } from '../../core/test/fixture/inbox.ts';

const COUNT = '200';
const pathOf = (name: string) => fileURLToPath(new URL(`./fixture/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Language {
  readonly name: string;
  /** Why it cannot run here, for the name of the test. */
  readonly absent: string;
  command(): readonly string[];
}

const isThere = (program: string) => spawnSync(program, ['--version']).status === 0;

const LANGUAGES: readonly Language[] = [
  {
    name: 'Python',
    absent: isThere('python3') ? '' : ' (needs python3)',
    command: () => ['python3', pathOf('peer.py')],
  },
  {
    name: 'C',
    absent: isThere('cc') ? '' : ' (needs cc)',
    command() {
      const made = join(folder, 'peer');
      const { status, stderr } = spawnSync('cc', [
        '-Wall',
        '-Werror',
        '-o',
        made,
        pathOf('peer.c'),
      ]);
      if (status !== 0) throw new Error(String(stderr));
      return [made];
    },
  },
];

/** What a client of another language prints. */
async function run([program = '', ...args]: readonly string[], port: number): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...args, 'client', `${port}`, COUNT]);
  return stdout.trim();
}

/** A server of another language, and its port. */
async function start([program = '', ...args]: readonly string[]): Promise<[ChildProcess, number]> {
  const child = spawn(program, [...args, 'server'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return [child, Number(String(line))];
}

const portOf = ({ localAddress }: Channel) => (localAddress as { readonly port: number }).port;

for (const { name, absent, command } of LANGUAGES) {
  describe.runIf(absent === '')(`a peer in ${name}${absent}`, () => {
    const peer = absent === '' ? command() : [];

    it('is answered by a channel of datagrams', async () => {
      const opened = await new DatagramBootstrap()
        .handler((channel) =>
          channel.pipeline.addLast({
            channelRead: (ctx: Context, datagram: Datagram) => void ctx.writeAndFlush(datagram),
          }),
        )
        .bind({ port: 0, host: '127.0.0.1' });
      expect(await run(peer, portOf(opened as Channel))).toBe('echoed');
      opened.close();
      await opened.closed;
    });

    it('has a channel of its own in a server of perPeer', async () => {
      const server = await new ServerBootstrap()
        .childHandler((channel) => channel.pipeline.addLast(new StringCodec(), new EchoHandler()))
        .bind({ listener: perPeer({ port: 0, host: '127.0.0.1' }) });
      expect(await Promise.all([run(peer, server.port), run(peer, server.port)])).toEqual([
        'echoed',
        'echoed',
      ]);
      expect(server.connections.size).toBe(2);
      await server.close();
    });

    it('answers a channel of ours, of datagrams and of bytes', async () => {
      const [child, port] = await start(peer);
      const [datagrams, bytes] = [new Inbox(), new Inbox()];
      const one = await new DatagramBootstrap()
        .handler((channel) => channel.pipeline.addLast(datagrams))
        .connect({ host: '127.0.0.1', port });
      const other = await new Bootstrap()
        .handler((channel) => channel.pipeline.addLast(new StringCodec(), bytes))
        .connect({ transport: toPeer({ host: '127.0.0.1', port }) });
      await (one as Channel).writeAndFlush({ bytes: Buffer.from('hello') });
      await other.writeAndFlush('hello');
      await datagrams.until(() => datagrams.messages.length === 1);
      await bytes.until(() => bytes.messages.length === 1);
      expect(String((datagrams.messages[0] as Datagram).bytes)).toBe('hello');
      expect(bytes.messages).toEqual(['hello']);
      for (const channel of [one, other]) channel.close();
      child.kill();
      await once(child, 'exit');
    });
  });
}
