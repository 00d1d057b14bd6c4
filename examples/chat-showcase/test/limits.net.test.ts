import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { SocketClock } from '../../../packages/core/test/fixture/socket-clock.ts';
import { FRAMINGS } from './chat-peer.ts';
import { RunningChat } from './running-chat.ts';

let running: RunningChat;

afterEach(() => running.stop());

describe('the connection limits', () => {
  it.each([
    ['in total', { maxConnections: 1 }],
    ['for one address', { maxConnectionsPerAddress: 1 }],
  ])('%s are told in the framing of the one too many', async (_what, settings) => {
    running = await RunningChat.start(settings);
    const ann = await running.join('lines', 'ann');
    for (const framing of FRAMINGS) {
      const peer = await running.connect(framing);
      if (framing !== 'websocket') peer.send('AUTH:bob');
      expect(await peer.ended()).toEqual(['ERR:TOO_MANY']);
    }
    const page = await fetch(`http://127.0.0.1:${running.port}/`);
    expect([page.status, await page.text()]).toEqual([503, 'ERR:TOO_MANY\n']);
    // Who says nothing is told in a line.
    const silent = await running.connect('lines');
    expect(await silent.ended()).toEqual(['ERR:TOO_MANY']);
    ann.send('still here');
    expect(await ann.next()).toBe('ECHO:still here');
  });

  it('accept a connection when another one has closed', async () => {
    running = await RunningChat.start({ maxConnections: 1 });
    const ann = await running.join('frames', 'ann');
    const open = [...running.chat.server.connections];
    ann.destroy();
    await Promise.all(open.map((channel) => channel.closed));
    await running.join('frames', 'bob');
  });
});

describe('tokens', () => {
  const tokens = { ann: 'a secret: with a colon', bob: 'another' };

  it.each(FRAMINGS)('accept only the right token, by %s', async (framing) => {
    running = await RunningChat.start({ tokens });
    for (const wrong of ['AUTH:ann', 'AUTH:ann:', 'AUTH:ann:another', 'AUTH:eve:another']) {
      const peer = await running.connect(framing);
      peer.send(wrong);
      expect(await peer.ended(), wrong).toEqual(['ERR:AUTH_FAILED']);
    }
    const ann = await running.connect(framing);
    ann.send('AUTH:ann:a secret: with a colon');
    expect(await ann.next()).toBe('AUTH_OK');
  });
});

describe('origins', () => {
  const open = (origin: string): Promise<string> =>
    new Promise((resolve) => {
      const ws = new WebSocket(`ws://127.0.0.1:${running.port}/ws`, { origin });
      ws.on('open', () => {
        ws.terminate();
        resolve('open');
      });
      ws.on('error', (error) => resolve(error.message));
    });

  it('are the own one, and those that the settings name', async () => {
    running = await RunningChat.start({ allowedOrigins: ['https://chat.example'] });
    expect(await open(`http://127.0.0.1:${running.port}`)).toBe('open');
    expect(await open('https://chat.example')).toBe('open');
    expect(await open('https://evil.example')).toContain('403');
    expect(await open('null')).toContain('403');
  });
});

describe('a member who does not read', () => {
  it.each(FRAMINGS)(
    'by %s is closed as a slow consumer, and nobody waits for it',
    async (framing) => {
      // Time stands still: who waited for one who is slow would wait for ever.
      running = await RunningChat.start({ maxOutboundBytes: 200_000 }, new SocketClock());
      const slow = await running.join(framing, 'slow');
      const ann = await running.join('frames', 'ann');
      const bob = await running.join('websocket', 'bob');
      expect(await ann.next()).toBe('JOIN:bob');
      slow.pause();
      const text = 'x'.repeat(60_000);
      let sent = 0;
      while (running.ground.sessions.has('slow')) {
        ann.send(text);
        sent += 1;
        while (!(await bob.next()).startsWith('MSG:ann:x'));
        expect(sent).toBeLessThan(1000);
      }
      while ((await bob.next()) !== 'LEAVE:slow');
      expect(running.chat.room.local.slowMembers.closed).toBe(1);
    },
  );
});
