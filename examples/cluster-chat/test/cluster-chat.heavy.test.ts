// What takes its time: nodes that are killed and replaced, buses that are away, and real ones.
import { setTimeout as delay } from 'node:timers/promises';
import { type ChatPeer, connectPeer, joinAs } from 'headrace-example-chat-showcase/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { bundledProgram } from '../../../packages/core/test/fixture/bundled-program.ts';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../packages/core/test/fixture/bus-server.ts';
import { endNodes, routeOf, startNodes } from './chat-nodes.ts';

const timeout = 180_000;
/** For what hangs only. */
const LIMIT_MS = 60_000;
const servers: BusServer[] = [];
// Three nodes from sources take half a minute beside other work, which is everything that a worker has for its start.
const main = await bundledProgram(new URL('../src/main.ts', import.meta.url));

afterEach(async () => {
  endNodes();
  for (const server of servers.splice(0)) await server.end();
});

async function started(env?: Readonly<Record<string, string>>) {
  const chat = startNodes(env, main);
  const port = await chat.port();
  await chat.says(/^route /m);
  return { chat, port };
}

async function six(port: number): Promise<ChatPeer[]> {
  const peers: ChatPeer[] = [];
  for (let i = 0; i < 6; i++) peers.push(await joinAs(port, 'lines', `member ${i}`));
  for (const [at, peer] of peers.entries()) {
    const all = new Set(peers.keys());
    all.delete(at);
    await heard(peer, new RegExp(`^JOIN:member ${at === 5 ? 4 : 5}$`));
  }
  return peers;
}

/** Waits until somebody has heard what matches, or it is in the list of `WHO` when it came before. */
async function heard(peer: ChatPeer, pattern: RegExp, limitMs = LIMIT_MS): Promise<string> {
  const deadline = Date.now() + limitMs;
  peer.send('WHO');
  for (;;) {
    const text = (await peer.next(Math.max(1, deadline - Date.now()))).replace(/^MEMBER:/, 'JOIN:');
    if (pattern.test(text)) return text;
    if (/^MEMBERS:/.test(text)) continue;
  }
}

/** Waits until somebody has heard all of these, in whatever order they come. */
async function heardAll(peer: ChatPeer, texts: readonly string[]): Promise<void> {
  const missing = new Set(texts);
  while (missing.size > 0) missing.delete(await peer.next(LIMIT_MS));
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 10));

async function saysToAll(one: ChatPeer, others: readonly ChatPeer[], text: string): Promise<void> {
  one.send(text);
  for (const other of others) await heard(other, new RegExp(`^MSG:[^:]+:${text}$`));
}

const pidIsThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a node', () => {
  it('that is killed loses only its own members, and a new one takes its place', {
    timeout,
  }, async () => {
    const { chat, port } = await started();
    const peers = await six(port);
    const [first] = await chat.nodes(3);
    process.kill(first!, 'SIGKILL');
    while (peers.filter(({ isEnded }) => isEnded).length < 2) await turn();
    const gone = peers.filter(({ isEnded }) => isEnded);
    const left = peers.filter(({ isEnded }) => !isEnded);
    expect([gone.length, left.length]).toEqual([2, 4]);
    // Who is gone may be known before that is heard, or after it.
    const leaves = gone.map((one) => `LEAVE:member ${peers.indexOf(one)}`);
    const stillHere = `MSG:member ${peers.indexOf(left[0]!)}:still here`;
    left[0]!.send('still here');
    for (const peer of left) {
      await heardAll(peer, peer === left[0] ? leaves : [...leaves, stillHere]);
    }
    await chat.says(new RegExp(`^node 1: process (?!${first}$)\\d+$`, 'm'));
    const back: ChatPeer[] = [];
    for (let i = 0; i < 3; i++) back.push(await joinAs(port, 'lines', `new ${i}`));
    await saysToAll(left[0]!, [...left.slice(1), ...back], 'welcome');
    for (const peer of back) await saysToAll(peer, left, 'thanks');
    expect(chat.stderr).toMatch(/worker 1 \(process \d+\) ended with SIGKILL/);
    chat.kill('SIGTERM');
    for (const peer of [...left, ...back]) expect((await peer.ended()).at(-1)).toBe('BYE');
    expect(await chat.exit).toBe(0);
  });

  it('each is replaced at SIGHUP, one after the other, and nothing that was said is lost', {
    timeout,
  }, async () => {
    const { chat, port } = await started();
    const before = await chat.nodes(3);
    let at = '';
    let bob = await joinAs(port, 'lines', 'bob');
    bob.send('SINCE:');
    at = await bob.next();
    let isOver = false;
    const listening = (async () => {
      const got: string[] = [];
      while (got.length === 0 || !isOver || got.at(-1) !== 'MSG:ann:last') {
        if (bob.isEnded && bob.inbox.length === 0) {
          bob = await connectPeer(port, 'lines').catch(() => bob);
          bob.sendRaw(Buffer.from(`AUTH:bob\n${at.replace('AT:', 'SINCE:')}\n`));
          continue;
        }
        const text = await bob.next().catch(() => '');
        if (text.startsWith('AT:')) at = text;
        else if (text.startsWith('MSG:ann:')) got.push(text);
      }
      return got;
    })();
    chat.kill('SIGHUP');
    let count = 0;
    let ann = await joinAs(port, 'lines', 'ann');
    const anns = [ann];
    const talking = setInterval(() => {
      if (ann.isEnded) return;
      ann.send(`number ${count}`);
      count += 1;
    }, 20);
    // Who talks is told to go, too, and comes back: what was not echoed it would say again.
    const comesBack = async (): Promise<void> => {
      ann = await joinAs(port, 'lines', 'ann');
      anns.push(ann);
    };
    const deadline = Date.now() + 2 * LIMIT_MS;
    while ((await chat.nodes(3)).some((pid) => before.includes(pid)) || before.some(pidIsThere)) {
      if (Date.now() > deadline) throw new Error('the nodes were not replaced');
      if (ann.isEnded) await comesBack();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    clearInterval(talking);
    // Its node may have ended, and the end of the connection not been read yet.
    ann.send('PING');
    while (!ann.isEnded && !ann.inbox.includes('PONG')) await turn();
    if (ann.isEnded) await comesBack();
    isOver = true;
    ann.send('last');
    const got = await listening;
    expect(new Set(got).size).toBe(got.length);
    const echoes = anns.flatMap(({ inbox }) => inbox).filter((text) => text.startsWith('ECHO:'));
    const said = echoes.map((text) => text.replace('ECHO:', 'MSG:ann:'));
    expect(said.length).toBeGreaterThan(0);
    expect(said.filter((text) => !got.includes(text))).toEqual([]);
    chat.kill('SIGTERM');
    expect(await chat.exit).toBe(0);
  });
});

describe('the bus', () => {
  it('that does not answer is one line, and the nodes are one room on this machine', {
    timeout,
  }, async () => {
    // Nobody listens there; a port that was free may be somebody else's by now.
    const closed = 1;
    const { chat, port } = await started({ CLUSTER_BUS: `nats://user:secret@127.0.0.1:${closed}` });
    const [ann, ...others] = await six(port);
    await saysToAll(ann!, others, 'hello');
    expect(chat.stderr).toMatch(
      new RegExp(
        `^cluster-chat: CLUSTER_BUS does not answer \\(.*127\\.0\\.0\\.1:${closed}.*\\): [^\\n]*\\n$`,
      ),
    );
    expect(chat.stderr).not.toContain('secret');
    chat.kill('SIGTERM');
    expect(await chat.exit).toBe(0);
  });

  it('that is none of ours is one line and exit code 1', { timeout }, async () => {
    const chat = startNodes({ CLUSTER_BUS: 'kafka://127.0.0.1:9092' }, main);
    expect(await chat.exit).toBe(1);
    expect(chat.stderr).toMatch(/^cluster-chat: CLUSTER_BUS is not a bus: .*\n$/);
    expect(chat.stdout).toBe('');
  });

  for (const [engine, program] of [
    ['nats', NATS_SERVER],
    ['redis', REDIS_SERVER],
  ] as const) {
    const absent = missing(program);
    it.skipIf(absent !== '')(
      `${engine} joins two programs to one room${absent}`,
      { timeout },
      async () => {
        const server = await BusServer.start(program);
        servers.push(server);
        const bus = `${engine}://127.0.0.1:${server.port}`;
        const one = await started({ CLUSTER_BUS: bus });
        const two = await started({ CLUSTER_BUS: bus });
        const ann = await joinAs(one.port, 'lines', 'ann');
        await heard(ann, /^JOIN:ann$/);
        const bob = await joinAs(two.port, 'lines', 'bob');
        await heard(ann, /^JOIN:bob$/);
        await saysToAll(ann, [bob], 'hello');
        await saysToAll(bob, [ann], 'hi');
        bob.send('SINCE:');
        await heard(bob, /^AT:[^:]+:2$/);
        const again = await joinAs(one.port, 'lines', 'bob');
        expect((await bob.ended()).at(-1)).toBe('ERR:KICKED');
        again.send('still here');
        await heard(ann, /^MSG:bob:still here$/);
        for (const { chat } of [one, two]) {
          chat.kill('SIGTERM');
          expect(await chat.exit).toBe(0);
          expect(chat.stderr).toBe('');
        }
      },
    );
  }
});

it(
  'goes on when nobody reads its output any more, and a node is replaced',
  async () => {
    const { chat } = await started();
    const [first] = await chat.nodes(3);
    chat.child.stdout!.destroy();
    process.kill(first!, 'SIGKILL');
    // The new one is announced within a second.
    expect(await Promise.race([chat.exit, delay(4000, 'alive')])).toBe('alive');
    expect((await routeOf(chat)).status).toBe(200);
    chat.kill('SIGTERM');
    expect(await chat.exit).toBe(0);
  },
  timeout,
);
