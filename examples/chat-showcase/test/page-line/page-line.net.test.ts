// The page's questions about its own connection, in binary messages.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SocketClock } from '../../../../packages/core/test/fixture/socket-clock.ts';
import { RunningChat } from '../server/running-chat.ts';
import { PagePeer } from './page-peer.ts';

let running: RunningChat;

beforeEach(async () => {
  running = await RunningChat.start({ readerIdleSeconds: 300, maxOutboundBytes: 200_000 });
});

afterEach(() => running.stop());

/** The names of all handlers that the server has for this member's WebSocket. */
function pipelineOf(id: string): string[] {
  return running.ground.sessions.channel(id)!.pipeline.names();
}

describe('the page', () => {
  it('gets the messages from before its sign-in, with their number', async () => {
    const bob = await running.join('lines', 'bob');
    for (let i = 0; i < 60; i++) bob.send(`number ${i}`);
    await expect.poll(() => bob.inbox.at(-1)).toBe('ECHO:number 59');
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('history');
    const { total, messages, epoch } = await ann.next('history');
    expect(total).toBe(60);
    expect(epoch).toMatch(/^[0-9a-f]{8}$/);
    expect(messages).toHaveLength(50);
    expect(messages.at(-1)).toMatchObject({ id: 'bob', text: 'number 59' });
    expect(Math.abs(messages.at(-1)!.at - Date.now())).toBeLessThan(60_000);
    // A second time it is not answered: it would be a cheap way to make the server send much.
    ann.ask('history');
    ann.say('PING');
    await ann.until(() => ann.texts.includes('PONG'));
    expect(ann.news).toEqual([]);
    ann.destroy();
  });

  it('gets the transport of each member, now and later', async () => {
    await running.join('lines', 'bob');
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('ways');
    expect((await ann.next('ways')).ways).toEqual({ bob: 'lines', ann: 'page' });
    await running.join('frames', 'cy');
    expect((await ann.next('ways')).ways).toEqual({ cy: 'frames' });
    ann.destroy();
  });

  it('is refused binary messages before its sign-in, and unknown commands', async () => {
    const stranger = await PagePeer.open(running.port);
    stranger.ask('history');
    await stranger.until(() => stranger.closed !== undefined);
    expect(stranger.news).toEqual([]);
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('nonsense');
    await ann.until(() => ann.closed !== undefined);
    expect([stranger.closed?.code, ann.closed?.code]).toEqual([1008, 1008]);
  });
});

describe('under the hood', () => {
  it('draws the real pipelines, and leaves nothing in them when it is closed', async () => {
    const ann = await PagePeer.join(running.port, 'ann');
    const before = pipelineOf('ann');
    ann.ask('hood-on');
    const { lanes } = await ann.next('pipeline');
    expect(lanes.map(({ title }) => title)).toEqual(['TCP', 'WebSocket']);
    expect(lanes[0]!.handlers.map(({ name }) => name)).toEqual([
      'farewell',
      'HttpEndpointHandler',
      'blame',
    ]);
    expect(lanes[1]!.handlers.map(({ name }) => name)).toEqual(
      before.map((name) => name.replace('#0', '')),
    );
    const auth = lanes[1]!.handlers.find(({ name }) => name === 'ChatAuthHandler');
    expect(auth).toEqual({ name: 'ChatAuthHandler', reads: true, writes: true, events: true });
    expect(pipelineOf('ann').filter((name) => name.startsWith('Tap'))).toHaveLength(before.length);
    ann.ask('hood-off');
    await expect.poll(() => pipelineOf('ann')).toEqual(before);
    ann.destroy();
  });

  it('shows what each handler made of a message, and which ones did not handle it', async () => {
    const bob = await PagePeer.join(running.port, 'bob');
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('hood-on');
    const { lanes } = await ann.next('pipeline');
    ann.say('  hello ');
    const { steps } = await ann.next('steps', (news) => news.steps.length > 5);
    const shown = steps.map(({ lane, handler, deed, kind, what }) => {
      const name = lanes[lane]!.handlers[handler]?.name ?? 'room';
      return `${name} ${deed} ${kind} ${what}`;
    });
    expect(shown.slice(0, 3)).toEqual([
      expect.stringMatching(/^HttpEndpointHandler took bytes \d+ B$/),
      'PageLineHandler took frame “  hello ”',
      'WebSocketTextCodec took frame “  hello ”',
    ]);
    for (const line of [
      'WebSocketTextCodec made text “  hello ”',
      'TrimHandler took text “  hello ”',
      'TrimHandler made text “hello”',
      'ChatEchoHandler wrote text “ECHO:hello”',
      'WebSocketTextCodec wrote frame 10 B',
      'RoomBroadcastHandler took text “hello”',
    ]) {
      expect(shown).toContain(line);
    }
    expect(shown.at(-1)).toMatch(/^HttpEndpointHandler wrote bytes \d+ B$/);
    bob.say('for ann');
    await ann.next('steps', ({ steps: more }) =>
      more.some(({ deed, what }) => deed === 'wrote' && what === '“MSG:bob:for ann”'),
    );
    expect(bob.news).toEqual([]);
    ann.destroy();
    bob.destroy();
  });

  it('shows the figures of the connection and of the room, without delaying other members', async () => {
    const bob = await running.join('lines', 'bob');
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('hood-on');
    await ann.next('pipeline');
    ann.say('hello');
    const vitals = await ann.next(
      'vitals',
      ({ bytesIn, room }) => bytesIn > 0 && room.deliveries > 0,
    );
    expect(vitals).toMatchObject({
      waitingBytes: 0,
      maxWaitingBytes: 200_000,
      isWritable: true,
      readHolds: [],
      idleLimitMs: 300_000,
      room: { members: 2, deliveries: 1, backlog: 0, slowClosed: 0 },
    });
    // The echo, and the head of its frame.
    expect(vitals.bytesOut - vitals.ownBytes).toBe(12);
    expect(JSON.stringify(vitals)).not.toContain('bob');
    bob.destroy();
    ann.destroy();
  });

  it('makes its page slow: the pending output grows until the room closes it as a slow consumer', async () => {
    const bob = await running.join('frames', 'bob');
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('hood-on');
    await ann.next('pipeline');
    ann.ask('slow');
    const { lanes } = await ann.next('pipeline');
    const names = lanes[1]!.handlers.map(({ name }) => name);
    const stalled = names.indexOf('StalledOutputHandler');
    expect(names[stalled - 1]).toBe('WebSocketTextCodec');
    while ((await bob.next()) !== 'JOIN:ann');
    bob.send('hello');
    await ann.next('steps', ({ steps }) =>
      steps.some(({ handler, deed, what }) => {
        return handler === stalled && deed === 'held' && what === '“MSG:bob:hello”';
      }),
    );
    bob.send('x'.repeat(40_000));
    await ann.next('vitals', ({ waitingBytes }) => waitingBytes > 40_000);
    for (let i = 0; i < 8; i++) bob.send('x'.repeat(40_000));
    while ((await bob.next()) !== 'LEAVE:ann');
    await ann.until(() => ann.closed !== undefined);
    expect(ann.closed).toEqual({ code: 1008, reason: 'slow-consumer' });
    expect(running.chat.room.figures().slowClosed).toBe(1);
    expect(ann.texts).not.toContain(`MSG:bob:${'x'.repeat(40_000)}`);
  });

  it('cuts the connection of its page, and no other connection', async () => {
    const bob = await running.join('lines', 'bob');
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('hood-on');
    ann.ask('cut');
    await ann.until(() => ann.closed !== undefined);
    expect(ann.closed?.code).toBe(1006);
    while ((await bob.next()) !== 'LEAVE:ann');
    expect(running.log).toEqual([]);
  });

  it('shortens the idle limit while its page plays dead, and puts it back', async () => {
    const ann = await PagePeer.join(running.port, 'ann');
    ann.ask('hood-on');
    const before = (await ann.next('pipeline')).lanes[1]!.handlers.map(({ name }) => name);
    ann.ask('silent');
    const after = (await ann.next('pipeline')).lanes[1]!.handlers.map(({ name }) => name);
    expect(after).toEqual(before);
    await ann.next('vitals', ({ idleLimitMs }) => idleLimitMs === 10_000);
    ann.ask('speak');
    await ann.next('vitals', ({ idleLimitMs }) => idleLimitMs === 300_000);
    ann.destroy();
  });

  it('shows the idle event that ends its connection', async () => {
    const clock = new SocketClock();
    const quick = await RunningChat.start({ readerIdleSeconds: 0.5 }, clock);
    const ann = await PagePeer.join(quick.port, 'ann');
    ann.ask('hood-on');
    await ann.next('pipeline');
    ann.ask('silent');
    await ann.next('pipeline');
    clock.advance(500);
    await ann.next('steps', ({ steps }) =>
      steps.some(({ deed, what }) => deed === 'fired' && what === 'IdleStateEvent (reader)'),
    );
    await ann.until(() => ann.closed !== undefined);
    expect(ann.texts.at(-1)).toBe('ERR:IDLE_TIMEOUT');
    await quick.stop();
  });

  it('limits how often a page may open and close it', async () => {
    const ann = await PagePeer.join(running.port, 'ann');
    for (let i = 0; i < 500; i++) {
      ann.ask('hood-on');
      ann.ask('hood-off');
    }
    ann.say('PING');
    await ann.until(() => ann.texts.includes('PONG'));
    expect(ann.news.filter(({ kind }) => kind === 'pipeline').length).toBeLessThanOrEqual(20);
    expect(ann.closed).toBeUndefined();
    ann.destroy();
  });

  it('ignores the commands of a page that has not opened it', async () => {
    const ann = await PagePeer.join(running.port, 'ann');
    for (const word of ['slow', 'cut', 'silent', 'speak', 'hood-off'] as const) ann.ask(word);
    ann.say('PING');
    await ann.until(() => ann.texts.includes('PONG'));
    expect(ann.closed).toBeUndefined();
    ann.destroy();
  });
});
