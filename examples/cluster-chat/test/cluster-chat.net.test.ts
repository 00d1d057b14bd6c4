// Three nodes as processes, and members whose connections the primary hands out in turn: each to the next node.
import { randomBytes } from 'node:crypto';
import {
  type ChatPeer,
  type ChatProcess,
  connectPeer,
  type Framing,
  joinAs,
} from 'headrace-example-chat-showcase/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundledProgram } from '../../../packages/core/test/fixture/bundled-program.ts';
import { endNodes, routeOf, startNodes } from './chat-nodes.ts';

const main = await bundledProgram(new URL('../src/main.ts', import.meta.url));
let chat: ChatProcess;
let port = 0;

beforeAll(async () => {
  chat = startNodes({}, main);
  port = await chat.port();
  await chat.says(/^route /m);
});

afterAll(endNodes);

/** The next text that is not about those who clean up after each test. */
async function next(peer: ChatPeer): Promise<string> {
  for (;;) {
    const text = await peer.next();
    if (!/^(JOIN|LEAVE):last/.test(text)) return text;
  }
}

/** What came until a text, that one included. */
async function until(peer: ChatPeer, last: string): Promise<string[]> {
  const texts: string[] = [];
  while (texts.at(-1) !== last) texts.push(await next(peer));
  return texts;
}

/** Who is there by one member's node. */
async function who(peer: ChatPeer): Promise<string> {
  peer.send('WHO');
  const count = Number((await text(peer, 'MEMBERS:')).slice('MEMBERS:'.length));
  const ids: string[] = [];
  while (ids.length < count) ids.push((await text(peer, 'MEMBER:')).slice('MEMBER:'.length));
  return ids.sort().join();
}

/** The next text that begins so. */
async function text(peer: ChatPeer, start: string): Promise<string> {
  for (;;) {
    const one = await peer.next();
    if (one.startsWith(start)) return one;
  }
}

/** Waits until each of them knows of these and of nobody else, and takes what they heard until then. */
async function know(ids: readonly string[], peers: readonly ChatPeer[]): Promise<void> {
  const all = [...ids].sort().join();
  for (const peer of peers) {
    while ((await who(peer)) !== all) await new Promise((resolve) => setTimeout(resolve, 20));
    peer.send('PING');
    await until(peer, 'PONG');
  }
}

const opened: ChatPeer[] = [];

async function join(framing: Framing, id: string): Promise<ChatPeer> {
  const peer = await joinAs(port, framing, id);
  opened.push(peer);
  return peer;
}

/** Members that know of each other. */
async function joinAll(...ids: readonly string[]): Promise<ChatPeer[]> {
  const framings = ['lines', 'frames', 'websocket'] as const;
  const peers: ChatPeer[] = [];
  for (const [at, id] of ids.entries()) peers.push(await join(framings[at % 3]!, id));
  await know(ids, peers);
  return peers;
}

/** Ends all, and waits until no node knows of them any more. */
async function endAll(): Promise<void> {
  for (const peer of opened.splice(0)) peer.destroy();
  const ids = ['last 0', 'last 1', 'last 2'];
  const last: ChatPeer[] = [];
  for (const id of ids) last.push(await joinAs(port, 'lines', id));
  await know(ids, last);
  for (const peer of last) peer.destroy();
}

describe('three nodes behind one port', () => {
  afterEach(async () => {
    if (chat.child.exitCode === null) await endAll();
  });

  it('print where they listen and each process, in this order', async () => {
    expect(chat.stdout).toMatch(
      /^listening tcp:\/\/127\.0\.0\.1:(\d+) http:\/\/127\.0\.0\.1:\1\/\nnode 1: process \d+\nnode 2: process \d+\nnode 3: process \d+\nroute http:\/\/127\.0\.0\.1:\d+\/route\n$/,
    );
    expect(new Set(await chat.nodes(3)).size).toBe(3);
    expect(chat.stderr).toBe('');
  });

  it('are one room: everybody hears everybody once, and WHO answers for all', async () => {
    const ids = ['ann', 'bob', 'cy', 'dee', 'eve', 'fay'];
    const peers = await joinAll(...ids);
    for (const [at, peer] of peers.entries())
      for (const i of [1, 2, 3]) peer.send(`${i} of ${ids[at]}`);
    for (const [at, peer] of peers.entries()) {
      const heard: string[] = [];
      while (heard.length < 18) heard.push(await next(peer));
      for (const id of ids) {
        const word = id === ids[at] ? 'ECHO:' : `MSG:${id}:`;
        const own = heard.filter((text) => text.startsWith(word));
        expect(own).toEqual([1, 2, 3].map((i) => `${word}${i} of ${id}`));
      }
    }
    for (const peer of peers) {
      peer.send('WHO');
      expect(await next(peer)).toBe('MEMBERS:6');
      const list = new Set<string>();
      while (list.size < 6) list.add(await next(peer));
      // Two that come in the same moment have no order between nodes.
      expect([...list].sort()).toEqual(ids.map((id) => `MEMBER:${id}`));
    }
  });

  it('the route names all of them, with their connections', async () => {
    await joinAll('ann', 'bob', 'cy', 'dee', 'eve', 'fay');
    const route = async () => {
      const { status, nodes } = await routeOf(chat);
      return [status, ...nodes];
    };
    const node = expect.objectContaining({ host: '127.0.0.1', port, connections: 2 });
    await expect.poll(route).toEqual([200, node, node, node]);
  });

  it('keep the newer connection of an id, on whichever node', async () => {
    const [ann, bob, cy] = await joinAll('ann', 'bob', 'cy');
    const others = [bob!, cy!];
    let old = ann!;
    for (let i = 0; i < 4; i++) {
      const young = await join('lines', 'ann');
      expect((await old.ended()).at(-1)).toBe('ERR:KICKED');
      young.send(`round ${i}`);
      for (const other of others) {
        const heard = await until(other, `MSG:ann:round ${i}`);
        expect(heard.filter((text) => text.startsWith('MSG'))).toHaveLength(1);
      }
      await know(['ann', 'bob', 'cy'], [young, ...others]);
      old = young;
    }
  });

  it('give a member that comes back with its position the missed messages, once', async () => {
    const [ann, bob] = await joinAll('ann', 'bob');
    bob!.send('SINCE:');
    expect(await next(bob!)).toMatch(/^AT:[^:]+:\d+$/);
    ann!.send('one');
    const at = await next(bob!);
    expect([at.startsWith('AT:'), await next(bob!)]).toEqual([true, 'MSG:ann:one']);
    bob!.destroy();
    expect(await until(ann!, 'LEAVE:bob')).toEqual(['ECHO:one', 'LEAVE:bob']);
    ann!.send('two');
    expect(await next(ann!)).toBe('ECHO:two');
    // Together: what is heard between the two has no position, and would come again with one.
    const back = await connectPeer(port, 'lines');
    opened.push(back);
    back.sendRaw(Buffer.from(`AUTH:bob\n${at.replace('AT', 'SINCE')}\n`));
    expect(await next(back)).toBe('AUTH_OK');
    expect([(await next(back)).startsWith('AT:'), await next(back)]).toEqual([true, 'MSG:ann:two']);
    ann!.send('three');
    expect([(await next(back)).startsWith('AT:'), await next(back)]).toEqual([
      true,
      'MSG:ann:three',
    ]);
  });

  it('bear garbage on all nodes', async () => {
    const [ann, bob] = await joinAll('ann', 'bob');
    for (let i = 0; i < 30; i++) {
      const stranger = await connectPeer(port, i % 2 === 0 ? 'lines' : 'frames');
      stranger.sendRaw(randomBytes(1 + i * 50));
      stranger.sendRaw(Buffer.from('\nSINCE:::\nAUTH:\n'));
      opened.push(stranger);
    }
    ann!.send('still here');
    expect(await next(bob!)).toBe('MSG:ann:still here');
  });

  // Windows has no signal that a program could answer.
  it.skipIf(process.platform === 'win32')(
    'say BYE to all on SIGTERM, and exit with 0',
    async () => {
      const peers = await joinAll('ann', 'bob', 'cy', 'dee');
      chat.kill('SIGTERM');
      for (const peer of peers) expect((await peer.ended()).at(-1)).toBe('BYE');
      expect(await chat.exit).toBe(0);
      await expect(connectPeer(port, 'lines')).rejects.toThrow('ECONNREFUSED');
    },
  );
});
