import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChatConnection, type Phase } from '../../src/page/connection.js';
import type { PageNews } from '../../src/page/page-line.js';
import type { ServerMessage } from '../../src/page/protocol.js';
import { ScriptedSocket } from './scripted-socket.ts';

const LOGIN = { id: 'ada', token: 'secret' };

let sockets: ScriptedSocket[];
let phases: Phase[];
let messages: ServerMessage[];
let news: PageNews[];
let roundTrips: number[];
let isRefusingSockets: boolean;
let roll: number;
let connection: ChatConnection;

const latest = (): ScriptedSocket => sockets.at(-1) as ScriptedSocket;
const phaseNames = (): string[] => phases.map(({ name }) => name);

function goOnline(): ScriptedSocket {
  latest().opens();
  latest().says('AUTH_OK');
  return latest();
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  phases = [];
  messages = [];
  news = [];
  roundTrips = [];
  isRefusingSockets = false;
  roll = 0;
  connection = new ChatConnection({
    createSocket: () => {
      if (isRefusingSockets) throw new Error('no sockets today');
      sockets.push(new ScriptedSocket());
      return latest().asSocket();
    },
    timers: {
      setTimeout: (run: () => void, ms: number) => setTimeout(run, ms),
      clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
      now: () => Date.now(),
    },
    random: () => roll,
    onPhase: (phase: Phase) => phases.push(phase),
    onMessage: (message: ServerMessage) => messages.push(message),
    onNews: (one: PageNews) => news.push(one),
    onRoundTrip: (ms: number) => roundTrips.push(ms),
  });
});

afterEach(() => {
  connection.close();
  const timersLeft = vi.getTimerCount();
  vi.useRealTimers();
  expect(timersLeft).toBe(0);
});

describe('signing in', () => {
  it('connects, signs in with the token, and is online at AUTH_OK', () => {
    connection.open(LOGIN);
    latest().opens();
    expect(latest().sent).toEqual(['AUTH:ada:secret']);
    expect(phaseNames()).toEqual(['connecting']);
    latest().says('AUTH_OK');
    expect(phaseNames()).toEqual(['connecting', 'online']);
  });

  it('sends nothing of the user before AUTH_OK', () => {
    connection.open(LOGIN);
    latest().opens();
    expect(connection.send('early')).toBe(false);
    latest().says('AUTH_OK');
    expect(connection.send('now')).toBe(true);
    expect(latest().sent).toEqual(['AUTH:ada:secret', 'now']);
  });

  it.each(['AUTH_FAILED', 'EMPTY_CLIENT_ID', 'BAD_CLIENT_ID'])(
    'stays away after ERR:%s',
    (code) => {
      connection.open(LOGIN);
      latest().opens();
      latest().says(`ERR:${code}`);
      latest().breaks();
      vi.advanceTimersByTime(600_000);
      expect(phases.at(-1)).toEqual({ name: 'refused', because: code });
      expect(sockets).toHaveLength(1);
      expect(latest().isClosedByPage).toBe(true);
    },
  );

  it('gives up on a server that does not answer, and tries again', () => {
    connection.open(LOGIN);
    latest().opens();
    vi.advanceTimersByTime(10_000);
    expect(phases.at(-1)).toEqual({ name: 'waiting', delayMs: 500, because: 'unreachable' });
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
  });

  it('survives a browser that refuses to make a socket', () => {
    isRefusingSockets = true;
    connection.open(LOGIN);
    expect(phases.at(-1)).toMatchObject({ name: 'waiting', because: 'unreachable' });
  });

  it('forgets the first attempt when another one is made', () => {
    connection.open(LOGIN);
    const first = latest();
    connection.open({ id: 'bob', token: '' });
    first.opens();
    first.says('AUTH_OK');
    first.breaks();
    expect(first.sent).toEqual([]);
    expect(phaseNames()).toEqual(['connecting', 'connecting']);
    goOnline();
    expect(latest().sent).toEqual(['AUTH:bob']);
  });
});

describe('coming back', () => {
  beforeEach(() => {
    connection.open(LOGIN);
    goOnline();
  });

  it('signs in again with the same name and token', () => {
    latest().breaks();
    expect(phases.at(-1)).toEqual({ name: 'waiting', delayMs: 500, because: 'lost' });
    vi.advanceTimersByTime(500);
    expect(goOnline().sent).toEqual(['AUTH:ada:secret']);
    expect(connection.phase.name).toBe('online');
  });

  it('does not come back after a kick, until it is told to', () => {
    latest().says('ERR:KICKED');
    latest().breaks();
    vi.advanceTimersByTime(600_000);
    expect(connection.phase).toEqual({ name: 'kicked' });
    connection.check();
    connection.retryNow();
    expect(sockets).toHaveLength(1);
    connection.open(LOGIN);
    expect(sockets).toHaveLength(2);
  });

  it('acts on nothing that comes after a kick', () => {
    latest().says('ERR:KICKED', 'MSG:bob:hello');
    expect(messages).toEqual([]);
  });

  it.each(['UNAUTH', 'AUTH_TIMEOUT', 'IDLE_TIMEOUT', 'TOO_LONG', 'BAD_UTF8'])(
    'comes back after ERR:%s, and says why it was away',
    (code) => {
      latest().says(`ERR:${code}`);
      expect(phases.at(-1)).toEqual({ name: 'waiting', delayMs: 500, because: code });
    },
  );

  it('is not told to hurry by a full server', () => {
    roll = 0.999;
    connection.open(LOGIN);
    latest().opens();
    latest().says('ERR:TOO_MANY');
    expect(phases.at(-1)).toMatchObject({ name: 'waiting', delayMs: 15_985, because: 'TOO_MANY' });
  });

  it('listens on after BYE, sends nothing more, and comes back when the server has closed', () => {
    latest().says('BYE', 'ECHO:still delivered');
    expect(connection.phase.name).toBe('ending');
    expect(messages).toEqual([{ kind: 'echo', text: 'still delivered' }]);
    expect(connection.send('too late')).toBe(false);
    latest().breaks();
    expect(phases.at(-1)).toMatchObject({ name: 'waiting', because: 'restarting' });
  });

  it('does not wait for ever for a server that said BYE', () => {
    latest().says('BYE');
    vi.advanceTimersByTime(5_000);
    expect(phases.at(-1)).toMatchObject({ name: 'waiting', because: 'restarting' });
  });

  it('tries at once when it is asked to', () => {
    latest().breaks();
    connection.retryNow();
    expect(sockets).toHaveLength(2);
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
  });

  it('stays away once it has been closed', () => {
    connection.close();
    latest().breaks();
    vi.advanceTimersByTime(600_000);
    expect(connection.phase).toEqual({ name: 'offline' });
    expect(sockets).toHaveLength(1);
  });

  it('refuses to send into a socket that is closing', () => {
    latest().readyState = 2;
    expect(connection.send('lost')).toBe(false);
  });
});

describe('waits', () => {
  it('grow with each attempt, and start small again only after 10 s online', () => {
    roll = 1;
    connection.open(LOGIN);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      latest().breaks();
      connection.retryNow();
    }
    goOnline();
    vi.advanceTimersByTime(9_999);
    latest().breaks();
    connection.retryNow();
    goOnline();
    vi.advanceTimersByTime(10_000);
    latest().breaks();
    const delays = phases.flatMap((phase) => (phase.name === 'waiting' ? [phase.delayMs] : []));
    expect(delays).toEqual([1000, 2000, 4000, 8000, 1000]);
  });
});

describe('messages', () => {
  beforeEach(() => {
    connection.open(LOGIN);
    goOnline();
  });

  it('hands over what the room says, in order, and keeps its own affairs to itself', () => {
    latest().says(
      'JOIN:bob',
      'PONG',
      'MSG:bob:hi',
      'WHAT',
      'AUTH_OK',
      'LEAVE:bob',
      new ArrayBuffer(1),
    );
    expect(messages.map(({ kind }) => kind)).toEqual(['join', 'message', 'leave']);
    expect(phaseNames()).toEqual(['connecting', 'online']);
  });

  it('hands over an error that leaves the link open', () => {
    latest().says('ERR:ALREADY_AUTH', 'ERR:FROM_THE_FUTURE');
    expect(messages.map((message) => 'code' in message && message.code)).toEqual([
      'ALREADY_AUTH',
      'FROM_THE_FUTURE',
    ]);
    expect(connection.phase.name).toBe('online');
  });
});

describe('heartbeat', () => {
  const pings = () => latest().sent.filter((text) => text === 'PING').length;

  beforeEach(() => {
    connection.open(LOGIN);
    goOnline();
  });

  it('asks every 30 s and is content with the answer', () => {
    for (let beat = 1; beat <= 5; beat += 1) {
      vi.advanceTimersByTime(30_000);
      expect(pings()).toBe(beat);
      latest().says('PONG');
    }
    expect(connection.phase.name).toBe('online');
  });

  it('drops a link that says nothing for 10 s', () => {
    vi.advanceTimersByTime(39_999);
    expect(connection.phase.name).toBe('online');
    vi.advanceTimersByTime(1);
    expect(phases.at(-1)).toMatchObject({ name: 'waiting', because: 'silent' });
    expect(latest().isClosedByPage).toBe(true);
  });

  it('takes any message for a sign of life', () => {
    vi.advanceTimersByTime(35_000);
    latest().says('MSG:bob:hi');
    vi.advanceTimersByTime(20_000);
    expect(connection.phase.name).toBe('online');
  });

  it('asks at once when the page wakes up, but not twice', () => {
    connection.check();
    connection.check();
    expect(pings()).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(phases.at(-1)).toMatchObject({ because: 'silent' });
  });

  it('asks once more when the machine slept through the deadline, and only once', () => {
    vi.advanceTimersByTime(30_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(10_000);
    expect(connection.phase.name).toBe('online');
    expect(pings()).toBe(2);
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(10_000);
    expect(phases.at(-1)).toMatchObject({ because: 'silent' });
  });

  it('tells how long an answer took, the sign-in first', () => {
    expect(roundTrips).toEqual([0]);
    vi.advanceTimersByTime(30_000);
    vi.advanceTimersByTime(7);
    latest().says('PONG', 'PONG');
    expect(roundTrips).toEqual([0, 7]);
  });

  it('goes faster for who looks at it, and never slower than the server wants', () => {
    connection.setPace(4000);
    expect(pings()).toBe(1);
    latest().says('PONG');
    vi.advanceTimersByTime(4000);
    expect(pings()).toBe(2);
    connection.setPace(Number.POSITIVE_INFINITY);
    latest().says('PONG');
    vi.advanceTimersByTime(29_999);
    expect(pings()).toBe(2);
    vi.advanceTimersByTime(1);
    expect(pings()).toBe(3);
  });

  it('goes twice as fast after the server found the page idle all the same', () => {
    latest().says('ERR:IDLE_TIMEOUT');
    vi.advanceTimersByTime(500);
    goOnline();
    vi.advanceTimersByTime(15_000);
    expect(pings()).toBe(1);
  });

  it('is still while the page plays dead, until it speaks up', () => {
    connection.fallSilent();
    connection.check();
    vi.advanceTimersByTime(600_000);
    expect(pings()).toBe(0);
    expect(connection.silentMs).toBe(600_000);
    expect(connection.phase.name).toBe('online');
    connection.speakUp();
    expect(pings()).toBe(1);
    expect(connection.silentMs).toBe(0);
    latest().says('PONG');
    connection.fallSilent();
    latest().says('ERR:IDLE_TIMEOUT');
    vi.advanceTimersByTime(500);
    goOnline();
    vi.advanceTimersByTime(30_000);
    expect(pings()).toBe(1);
  });

  it('is silent while there is no link', () => {
    latest().breaks();
    vi.advanceTimersByTime(500);
    latest().opens();
    vi.advanceTimersByTime(9_999);
    expect(latest().sent).toEqual(['AUTH:ada:secret']);
  });
});

describe('the page’s own line', () => {
  const bytes = (text: string): ArrayBuffer => new TextEncoder().encode(text).buffer as ArrayBuffer;

  beforeEach(() => {
    connection.open(LOGIN);
  });

  it('goes as binary messages, once it is signed in', () => {
    expect(connection.ask('history')).toBe(false);
    goOnline();
    expect(connection.ask('history')).toBe(true);
    const [, asked] = latest().sent as unknown[];
    expect(new TextDecoder().decode(asked as Uint8Array)).toBe('history');
  });

  it('hands over what it understands, and drops the rest', () => {
    goOnline();
    latest().says(bytes('{"kind":"ways","ways":{"ada":"page"}}'));
    latest().says(bytes('{"kind":"of the future"}'), bytes('{"kind'), bytes('null'), 7);
    expect(news).toEqual([{ kind: 'ways', ways: { ada: 'page' } }]);
  });

  it('knows from the close frame that the page did not read', () => {
    goOnline();
    latest().breaks('slow-consumer');
    expect(phases.at(-1)).toMatchObject({ name: 'waiting', because: 'slow' });
  });
});
