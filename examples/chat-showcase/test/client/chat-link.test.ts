import { ChannelError } from '@headrace/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScriptedChat } from './scripted-chat.ts';

let chat: ScriptedChat;

beforeEach(async () => {
  chat = await new ScriptedChat().start();
});

afterEach(async () => {
  expect(await chat.end()).toBe(0);
});

const waits = (): number[] =>
  chat.phases.flatMap((phase) => (phase.name === 'waiting' ? [phase.delayMs] : []));

describe('signing in', () => {
  it('connects, signs in with the token, and is online at AUTH_OK', async () => {
    await chat.open();
    expect(chat.latest.sent).toEqual(['AUTH:ada:secret']);
    expect(chat.names).toEqual(['connecting']);
    await chat.says('AUTH_OK');
    expect(chat.names).toEqual(['connecting', 'online']);
  });

  it('sends a token only if there is one, and lets it contain colons', async () => {
    await chat.open('ada', '');
    expect(chat.latest.sent).toEqual(['AUTH:ada']);
    await chat.open('ada', 'a:b');
    expect(chat.latest.sent).toEqual(['AUTH:ada:a:b']);
  });

  it('sends no message of the user before AUTH_OK', async () => {
    await chat.open();
    expect(chat.link.send('early')).toBe(false);
    await chat.says('AUTH_OK');
    expect(chat.link.send('now')).toBe(true);
    await chat.settle();
    expect(chat.latest.sent).toEqual(['AUTH:ada:secret', 'now']);
  });

  it('is online before it delivers the messages that came with the answer', async () => {
    await chat.open();
    await chat.says('AUTH_OK', 'JOIN:bob', 'MSG:bob:hi');
    expect(chat.names).toEqual(['connecting', 'online']);
    expect(chat.messages.map(({ kind }) => kind)).toEqual(['joined', 'message']);
  });

  it.each(['AUTH_FAILED', 'EMPTY_CLIENT_ID', 'BAD_CLIENT_ID'])(
    'stays away after ERR:%s',
    async (code) => {
      await chat.open();
      await chat.says(`ERR:${code}`);
      expect(chat.latest.channel.isActive).toBe(false);
      await chat.pass(600_000);
      expect(chat.phase).toEqual({ name: 'refused', because: code });
      expect(chat.connections).toHaveLength(1);
    },
  );

  it('gives up on a server that does not answer, and tries again', async () => {
    await chat.open();
    await chat.pass(10_000);
    expect(chat.phase).toMatchObject({ name: 'waiting', because: 'unreachable' });
    await chat.pass(30_000);
    expect(chat.connections.length).toBeGreaterThan(1);
  });

  it('survives a browser that refuses to make a socket', async () => {
    chat.refusal = new Error('no sockets today');
    await chat.open();
    expect(chat.phase).toMatchObject({ name: 'waiting', because: 'unreachable' });
  });

  it('comes as soon as there is a server', async () => {
    chat.refusal = new ChannelError('CHANNEL_REFUSED', 'nobody listens');
    await chat.open();
    expect(chat.phase).toMatchObject({ name: 'waiting', because: 'unreachable' });
    chat.refusal = undefined;
    await chat.comeBack();
    expect(chat.phase).toEqual({ name: 'online' });
  });

  it('forgets the first attempt when another one is made', async () => {
    await chat.open();
    const first = chat.latest;
    await chat.open('bob', '');
    first.channel.writeAndFlush('AUTH_OK');
    await chat.settle();
    first.channel.abort();
    await chat.settle();
    expect(chat.names).toEqual(['connecting', 'connecting']);
    await chat.says('AUTH_OK');
    expect(chat.latest.sent).toEqual(['AUTH:bob']);
    expect(chat.phase).toEqual({ name: 'online' });
  });
});

describe('coming back', () => {
  beforeEach(() => chat.goOnline());

  it('signs in again with the same name and token', async () => {
    await chat.breaks();
    expect(chat.phase).toEqual({ name: 'waiting', delayMs: 500, because: 'lost' });
    await chat.comeBack();
    expect(chat.latest.sent).toEqual(['AUTH:ada:secret']);
    expect(chat.link.phase.name).toBe('online');
  });

  it('does not come back after a kick, until it is told to', async () => {
    await chat.says('ERR:KICKED');
    await chat.breaks();
    await chat.pass(600_000);
    expect(chat.link.phase).toEqual({ name: 'kicked' });
    chat.link.retryNow();
    await chat.settle();
    expect(chat.connections).toHaveLength(1);
    await chat.open();
    expect(chat.connections).toHaveLength(2);
  });

  it('acts on nothing that comes after a kick', async () => {
    await chat.says('ERR:KICKED', 'MSG:bob:hello');
    expect(chat.messages).toEqual([]);
  });

  it.each(['UNAUTH', 'AUTH_TIMEOUT', 'IDLE_TIMEOUT', 'TOO_LONG', 'BAD_UTF8'])(
    'comes back after ERR:%s, and says why it was away',
    async (code) => {
      await chat.says(`ERR:${code}`);
      expect(chat.phase).toEqual({ name: 'waiting', delayMs: 500, because: code });
      await chat.comeBack();
      await chat.breaks();
      expect(chat.phase).toMatchObject({ because: 'lost' });
    },
  );

  it('reports at once why the server refuses it', async () => {
    await chat.breaks();
    await chat.pass(500);
    await chat.says('ERR:AUTH_TIMEOUT');
    expect(chat.phase).toMatchObject({ name: 'waiting', because: 'AUTH_TIMEOUT' });
  });

  it('does not reconnect faster because the server is full', async () => {
    chat.roll = 0.999;
    await chat.open();
    await chat.says('ERR:TOO_MANY');
    expect(chat.phase).toMatchObject({ name: 'waiting', delayMs: 15_984, because: 'TOO_MANY' });
  });

  it('still reads after BYE, sends nothing more, and reconnects when the server has closed', async () => {
    await chat.says('BYE', 'ECHO:still delivered');
    expect(chat.link.phase.name).toBe('ending');
    expect(chat.messages).toEqual([{ kind: 'echo', text: 'still delivered' }]);
    expect(chat.link.send('too late')).toBe(false);
    await chat.breaks();
    expect(chat.phase).toMatchObject({ name: 'waiting', because: 'restarting' });
  });

  it('does not wait for ever for a server that said BYE', async () => {
    await chat.says('BYE');
    await chat.pass(5000);
    expect(chat.phase).toMatchObject({ name: 'waiting', because: 'restarting' });
  });

  it('tries at once when it is asked to', async () => {
    await chat.breaks();
    chat.link.retryNow();
    await chat.settle();
    expect(chat.connections).toHaveLength(2);
    await chat.pass(500);
    expect(chat.connections).toHaveLength(2);
  });

  it('stays away once it has been closed', async () => {
    void chat.link.close();
    await chat.breaks();
    await chat.pass(600_000);
    expect(chat.link.phase).toEqual({ name: 'offline' });
    expect(chat.connections).toHaveLength(1);
  });

  it('refuses to send into a connection that is closing', async () => {
    chat.latest.channel.abort();
    expect(chat.link.send('lost')).toBe(true);
    await chat.settle();
    expect(chat.link.send('kept')).toBe(false);
  });
});

describe('waits', () => {
  it('grow with each attempt, and start small again only after 10 s online', async () => {
    await chat.open();
    for (let attempt = 0; attempt < 7; attempt += 1) {
      await chat.breaks();
      await chat.pass(waits().at(-1)!);
    }
    // The windows of 2, 4, 8, 16, 30, 30 … seconds, a quarter into each.
    expect(waits()).toEqual([500, 2500, 5000, 10_000, 19_500, 30_000, 30_000]);
    await chat.says('AUTH_OK');
    await chat.pass(9999);
    await chat.breaks();
    await chat.comeBack();
    await chat.pass(10_000);
    await chat.breaks();
    expect(waits().at(-2)).toBeGreaterThan(10_000);
    expect(waits().at(-1)).toBe(500);
  });
});

describe('messages', () => {
  beforeEach(() => chat.goOnline());

  it('delivers the messages of the room, in order, and no messages of the protocol', async () => {
    await chat.says('JOIN:bob', 'PONG', 'MSG:bob:hi', 'AUTH_OK', 'LEAVE:bob');
    expect(chat.messages.map(({ kind }) => kind)).toEqual(['joined', 'message', 'left']);
    expect(chat.names).toEqual(['connecting', 'online']);
  });

  it('delivers an error that leaves the link open', async () => {
    await chat.says('ERR:ALREADY_AUTH', 'ERR:FROM_THE_FUTURE');
    expect(chat.messages.map((message) => 'code' in message && message.code)).toEqual([
      'ALREADY_AUTH',
      'FROM_THE_FUTURE',
    ]);
    expect(chat.link.phase.name).toBe('online');
  });
});

describe('heartbeat', () => {
  /** So that it does not begin, nor go, earlier by chance. */
  beforeEach(async () => {
    chat.roll = 0;
    await chat.goOnline();
  });

  it('sends PING every 30 s, and keeps the link after the answer', async () => {
    for (let beat = 1; beat <= 5; beat += 1) {
      await chat.pass(30_000);
      expect(chat.pings).toBe(beat);
      await chat.says('PONG');
    }
    expect(chat.link.phase.name).toBe('online');
  });

  it('drops a link that is silent for 10 s', async () => {
    await chat.pass(39_999);
    expect(chat.link.phase.name).toBe('online');
    await chat.pass(1);
    expect(chat.phases.find(({ name }) => name === 'waiting')).toMatchObject({ because: 'silent' });
    expect(chat.connections[0]?.channel.isActive).toBe(false);
  });

  it('treats any message as a sign of life', async () => {
    await chat.pass(35_000);
    await chat.says('MSG:bob:hi');
    await chat.pass(20_000);
    expect(chat.link.phase.name).toBe('online');
  });

  it('reports how long each answer took, beginning with the sign-in', async () => {
    expect(chat.roundTrips).toEqual([0]);
    await chat.pass(30_007);
    await chat.says('PONG', 'PONG');
    expect(chat.roundTrips).toEqual([0, 7]);
  });

  it('goes faster while the user looks at it, and never slower than the server requires', async () => {
    chat.link.setPace(4000);
    await chat.settle();
    expect(chat.pings).toBe(1);
    await chat.says('PONG');
    await chat.pass(4000);
    expect(chat.pings).toBe(2);
    chat.link.setPace(Number.POSITIVE_INFINITY);
    await chat.says('PONG');
    await chat.pass(29_999);
    expect(chat.pings).toBe(2);
    await chat.pass(1);
    expect(chat.pings).toBe(3);
  });

  it('goes twice as fast after the server found the page idle anyway', async () => {
    await chat.says('ERR:IDLE_TIMEOUT');
    await chat.comeBack();
    await chat.pass(15_000);
    expect(chat.pings).toBe(1);
  });

  it('stops while the page simulates a dead peer, until the page sends again', async () => {
    chat.link.fallSilent();
    await chat.pass(600_000);
    expect(chat.pings).toBe(0);
    expect(chat.link.silentMs).toBe(600_000);
    expect(chat.link.phase.name).toBe('online');
    chat.link.speakUp();
    await chat.settle();
    expect(chat.pings).toBe(1);
    expect(chat.link.silentMs).toBe(0);
    await chat.says('PONG');
    chat.link.fallSilent();
    await chat.says('ERR:IDLE_TIMEOUT');
    await chat.comeBack();
    await chat.pass(30_000);
    expect(chat.pings).toBe(1);
  });

  it('stops after BYE', async () => {
    chat.link.setPace(1000);
    await chat.says('PONG', 'BYE');
    const before = chat.pings;
    await chat.pass(4000);
    expect(chat.pings).toBe(before);
  });

  it('is silent while there is no link', async () => {
    await chat.breaks();
    await chat.pass(1);
    await chat.pass(9000);
    expect(chat.latest.sent).toEqual(['AUTH:ada:secret']);
  });
});

describe('the page’s own line', () => {
  it('is asked once it is signed in', async () => {
    await chat.open();
    expect(chat.link.ask('history')).toBe(false);
    await chat.says('AUTH_OK');
    expect(chat.link.ask('history')).toBe(true);
    expect(chat.asked).toEqual(['history']);
  });

  it('knows from the close frame that the page did not read', async () => {
    await chat.goOnline();
    await chat.breaks('slow-consumer');
    expect(chat.phase).toMatchObject({ name: 'waiting', because: 'slow' });
  });
});
