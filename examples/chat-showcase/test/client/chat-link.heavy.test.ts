import type { PortPlace } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { ChatLink } from '../../src/client/chat-link.ts';
import type { Phase } from '../../src/client/phase.ts';
import type { ServerMessage } from '../../src/client/server-message.ts';
import { tcpDoor } from '../../src/client/tcp-door.ts';
import { ChatProcess } from '../server/chat-process.ts';
import { RunningChat } from '../server/running-chat.ts';

let running: RunningChat;
const links: ChatLink<PortPlace>[] = [];

afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
  await running.stop();
});

function open(id: string, token = '') {
  const phases: Phase[] = [];
  const messages: ServerMessage[] = [];
  const link = new ChatLink({
    door: tcpDoor({ host: '127.0.0.1', port: running.port }),
    onPhase: (phase) => phases.push(phase),
    onMessage: (message) => messages.push(message),
    random: () => 0.05,
  });
  links.push(link);
  link.open({ id, token });
  const names = () => phases.map(({ name }) => name);
  return { link, phases, messages, names };
}

describe('ChatLink', () => {
  it('signs in over frames, and hears the others', async () => {
    running = await RunningChat.start();
    const bob = await running.join('lines', 'bob');
    const { link, messages, names } = open('ann');
    expect(await bob.next()).toBe('JOIN:ann');
    await expect.poll(names).toContain('online');
    link.send('hello bob');
    expect(await bob.next()).toBe('MSG:ann:hello bob');
    bob.send('hello ann');
    await expect
      .poll(() => messages)
      .toEqual([
        { kind: 'echo', text: 'hello bob' },
        { kind: 'message', id: 'bob', text: 'hello ann' },
      ]);
    expect(names()).toEqual(['connecting', 'online']);
    await link.close();
    expect(await bob.next()).toBe('ECHO:hello ann');
    expect(await bob.next()).toBe('LEAVE:ann');
    expect(names()).toEqual(['connecting', 'online', 'offline']);
  });

  it('comes back when the server does', async () => {
    running = await RunningChat.start();
    const { port } = running;
    const { link, phases, names } = open('ann');
    await expect.poll(names).toContain('online');
    await running.chat.shutdown();
    await expect.poll(names).toContain('waiting');
    const waiting = phases.find(({ name }) => name === 'waiting');
    expect(waiting).toMatchObject({ because: 'restarting' });
    running = await RunningChat.start({ port });
    // The next try may be some seconds away.
    await expect.poll(() => link.phase.name, { timeout: 60_000 }).toBe('online');
    expect(names().slice(0, 5)).toEqual([
      'connecting',
      'online',
      'ending',
      'waiting',
      'connecting',
    ]);
  });

  it('gives up when the server refuses it, or another client takes its name', async () => {
    running = await RunningChat.start({ tokens: { ann: 'secret' } });
    const wrong = open('ann', 'guess');
    await expect.poll(() => wrong.link.phase).toEqual({ name: 'refused', because: 'AUTH_FAILED' });
    const first = open('ann', 'secret');
    await expect.poll(() => first.link.phase.name).toBe('online');
    const second = open('ann', 'secret');
    await expect.poll(() => first.link.phase).toEqual({ name: 'kicked' });
    await expect.poll(() => second.link.phase.name).toBe('online');
  });
});

describe('the terminal client', () => {
  it('sends what is piped into it, shows the answers, and exits with 0', async () => {
    running = await RunningChat.start();
    const bob = await running.join('websocket', 'bob');
    const client = new ChatProcess('chat-client', ['ann', '--port', String(running.port)]);
    client.child.stdin!.end('first\nsecond\n');
    expect(await bob.next()).toBe('JOIN:ann');
    expect(await bob.next()).toBe('MSG:ann:first');
    expect(await bob.next()).toBe('MSG:ann:second');
    expect(await bob.next()).toBe('LEAVE:ann');
    expect(await client.exit).toBe(0);
    const lines = client.stdout.split('\n').map((line) => line.replace(/^\d\d:\d\d /, ''));
    expect(lines).toEqual([
      `connected to 127.0.0.1:${running.port}; /quit leaves`,
      'you: first',
      'you: second',
      'good bye',
      '',
    ]);
    expect(client.stderr).toBe('');
  });

  it('comes back when the server does, and sends what was typed meanwhile', async () => {
    running = await RunningChat.start();
    const { port } = running;
    const client = new ChatProcess('chat-client', ['ann', '--port', String(port)]);
    await client.says(/connected to/);
    await running.chat.shutdown();
    await client.says(/the server shut down; trying again/);
    client.child.stdin!.write('typed meanwhile\n');
    running = await RunningChat.start({ port });
    const bob = await running.join('lines', 'bob');
    const heard: string[] = [];
    while (heard.at(-1) !== 'MSG:ann:typed meanwhile') heard.push(await bob.next(60_000));
    await client.says(/you: typed meanwhile/);
    client.child.stdin!.end();
    expect(await client.exit).toBe(0);
  });

  it('shows joins, leaves and messages, until /quit', async () => {
    running = await RunningChat.start();
    const client = new ChatProcess('chat-client', ['ann', '--port', String(running.port)]);
    await client.says(/connected to/);
    const bob = await running.join('frames', 'bob');
    bob.send('hello\u001b[2J ann');
    await client.says(/bob: hello/);
    bob.destroy();
    await client.says(/← bob left/);
    client.child.stdin!.write('/quit\n');
    expect(await client.exit).toBe(0);
    expect(client.stdout).toContain('→ bob joined');
    expect(client.stdout).toContain('bob: hello [2J ann');
  });

  it('answers commands itself, and sends none of them', async () => {
    running = await RunningChat.start();
    const bob = await running.join('lines', 'bob');
    const client = new ChatProcess('chat-client', ['ann', '--port', String(running.port)]);
    client.child.stdin!.end('/help\n/nonsense\nwho\n/who\n//slash\n');
    expect(await bob.next()).toBe('JOIN:ann');
    expect(await bob.next()).toBe('MSG:ann:/slash');
    expect(await bob.next()).toBe('LEAVE:ann');
    expect(await client.exit).toBe(0);
    expect(client.stdout).toContain('/quit  leaves');
    expect(client.stdout).toContain('there is no /nonsense');
    expect(client.stdout).toContain('here (2): bob, ann');
  });

  it('refuses a name with a colon before it connects', async () => {
    running = await RunningChat.start();
    const client = new ChatProcess('chat-client', ['a:b', '--port', String(running.port)]);
    expect(await client.exit).toBe(1);
    expect(client.stderr).toBe('a name has no colon: on the wire it ends the name\n');
    expect(client.stdout).toBe('');
  });

  it('exits with 1 and one line when it is refused, or started with wrong arguments', async () => {
    running = await RunningChat.start({ tokens: { ann: 'secret' } });
    const refused = new ChatProcess('chat-client', ['ann', '--port', String(running.port)]);
    expect(await refused.exit).toBe(1);
    expect(refused.stdout).toContain('does not let this name in with this token');
    const wrong = new ChatProcess('chat-client');
    expect(await wrong.exit).toBe(1);
    expect(wrong.stderr).toMatch(/^usage: npm run chat -- NAME .*\n$/);
  });

  it('prints its usage', async () => {
    const asked = new ChatProcess('chat-client', ['--help']);
    expect(await asked.exit).toBe(0);
    expect(asked.stdout).toMatch(/^usage: npm run chat -- NAME .*\n$/);
  });
});
