import { DrainEvent } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import {
  candidateOf,
  pollingSession,
  ScriptedAnswer,
  socketSession,
} from '../fixture/scripted-session.ts';

const HANDSHAKE = {
  sid: 'sid',
  pingInterval: 300,
  pingTimeout: 200,
  maxPayload: 1_000_000,
};

/** How a session ended, and whether it is over. */
const endOf = ({ ends }: { readonly ends: { readonly name: string }[] }) =>
  ends.map(({ name }) => name).join();

/** The user takes no more after each message with this text. */
function holdsAfter(text: string, { session, heard }: ReturnType<typeof pollingSession>): void {
  const { received } = session.user;
  session.user.received = (message) => {
    received(message);
    if (heard.at(-1) === text) session.hold();
  };
}

describe('a session that polls', () => {
  it('answers the first poll with its handshake', () => {
    const { handshake } = pollingSession();
    const text = handshake.got as string;
    expect(text.charAt(0)).toBe('0');
    expect(JSON.parse(text.slice(1))).toEqual({ ...HANDSHAKE, upgrades: ['websocket'] });
  });

  it('offers no upgrade to a transport that is switched off', () => {
    const { handshake } = pollingSession({ transports: ['polling'] });
    expect(JSON.parse((handshake.got as string).slice(1)).upgrades).toEqual([]);
  });

  it('receives the packets of a POST in order, and confirms it', () => {
    const { post, heard } = pollingSession();
    expect(post('4one\x1ebAQID\x1e4\x1e4two').got).toBe('ok');
    expect(heard).toEqual(['one', 'bytes 1,2,3', '', 'two']);
  });

  it('answers a poll that waits with all packets of one event', () => {
    const { poll, send } = pollingSession();
    const waiting = poll();
    expect(waiting.got).toBeUndefined();
    send('one', Uint8Array.of(1, 2, 3, 4), 'two');
    expect(waiting.got).toBe('4one\x1ebAQIDBA==\x1e4two');
  });

  it('keeps packets for the next poll, and bytes as they were when they were sent', () => {
    const { poll, send } = pollingSession();
    const bytes = Uint8Array.of(1, 2, 3, 4);
    send('one', bytes);
    bytes.fill(0);
    send('two');
    expect(poll().got).toBe('4one\x1ebAQIDBA==\x1e4two');
  });

  it('ends when two polls wait: the first gets the end, the second is refused', () => {
    const scripted = pollingSession();
    const first = scripted.poll();
    const second = scripted.poll();
    expect([first.got, second.got, endOf(scripted)]).toEqual(['1', 3, 'transport error']);
  });

  it('ends when a POST comes beside a POST', () => {
    const scripted = pollingSession();
    const { wire, post } = scripted;
    const first = new ScriptedAnswer();
    expect(wire.beginPost(first)).toBe(true);
    expect(post('4two').got).toBe(3);
    expect(endOf(scripted)).toBe('transport error');
    wire.receiveBody(first, Buffer.from('4one'));
    expect([first.got, scripted.heard]).toEqual([
      3,
      ['violated: not a request of Engine.IO 4: a POST beside a POST'],
    ]);
  });

  it.each([
    ['a poll', ({ poll }: ReturnType<typeof pollingSession>) => poll()],
    [
      'a POST',
      ({ wire }: ReturnType<typeof pollingSession>) => {
        const answer = new ScriptedAnswer();
        wire.beginPost(answer);
        return answer;
      },
    ],
  ])('ends when the connection of %s ends before the answer', (_name, ask) => {
    const scripted = pollingSession();
    ask(scripted).lose();
    expect(endOf(scripted)).toBe('transport error');
  });

  it('does not end with the connection of a request that was answered', () => {
    const scripted = pollingSession();
    const { poll, post, send } = scripted;
    const polled = poll();
    send('one');
    polled.lose();
    post('4two').lose();
    expect([polled.got, endOf(scripted)]).toEqual(['4one', '']);
  });

  it.each([
    ['an unknown type', 'abc', 'not a packet of Engine.IO 4: "abc" (3 characters)'],
    ['an empty body', '', 'not a packet of Engine.IO 4: "" (0 characters)'],
    ['a packet without a type', '4one\x1e', 'not a packet of Engine.IO 4: "" (0 characters)'],
    ['no base64', 'bA*', 'not a packet of Engine.IO 4: "bA*" (3 characters)'],
    ['no UTF-8', Buffer.of(0x34, 0xff), 'the body of a request of 2 bytes is not UTF-8'],
  ])('ends for %s, refuses the POST, and answers the poll', (_name, body, why) => {
    const scripted = pollingSession();
    const waiting = scripted.poll();
    expect(scripted.post(body).got).toBe(3);
    expect([waiting.got, endOf(scripted)]).toEqual(['1', 'parse error']);
    expect(scripted.heard.filter((text) => text !== 'one')).toEqual([`violated: ${why}`]);
    expect(scripted.ends[0]?.info.reason).toBe('bad-input');
  });

  it('receives the packets before one that is wrong, and none after it', () => {
    const { post, heard } = pollingSession();
    post('4one\x1ex\x1e4two');
    expect(heard).toEqual(['one', 'violated: not a packet of Engine.IO 4: "x" (1 characters)']);
  });

  it('ends for a ping of the client, which the version before had', () => {
    const scripted = pollingSession();
    scripted.post('2');
    expect(endOf(scripted)).toBe('transport error');
  });

  it('ends for a body that is too long, which was answered', () => {
    const scripted = pollingSession();
    expect(scripted.post(undefined).got).toBeUndefined();
    expect(endOf(scripted)).toBe('transport error');
  });

  it('ignores packets that mean nothing here', () => {
    const scripted = pollingSession();
    expect(scripted.post('6\x1e5\x1e0\x1e4one').got).toBe('ok');
    expect([scripted.heard, endOf(scripted)]).toEqual([['one'], '']);
  });

  it('ends when the client closes it, ends its poll, and confirms the POST', () => {
    const scripted = pollingSession();
    const waiting = scripted.poll();
    const answer = scripted.post('4last\x1e1\x1e4late');
    expect([waiting.got, answer.got, endOf(scripted)]).toEqual(['6', 'ok', 'transport close']);
    expect(scripted.heard).toEqual(['last']);
  });

  it('confirms a POST later while the user takes no more, and stops its client so', () => {
    const scripted = pollingSession();
    const { session, post } = scripted;
    holdsAfter('one', scripted);
    const first = post('4one');
    expect([first.got, scripted.heard]).toEqual([undefined, ['one']]);
    session.release();
    expect(first.got).toBe('ok');
    expect(post('4two').got).toBe('ok');
  });

  it('reads the rest of a POST when the user takes more, because packets need more memory than their text', () => {
    const scripted = pollingSession();
    holdsAfter('one', scripted);
    const answer = scripted.post('4one\x1ebAQID\x1e4one\x1e4two');
    expect([answer.got, scripted.heard]).toEqual([undefined, ['one']]);
    scripted.session.release();
    expect([answer.got, scripted.heard]).toEqual([undefined, ['one', 'bytes 1,2,3', 'one']]);
    scripted.session.release();
    expect([answer.got, scripted.heard.at(-1)]).toEqual(['ok', 'two']);
  });

  it('refuses a POST with packets that were not read when the session ends', () => {
    const scripted = pollingSession();
    holdsAfter('one', scripted);
    const answer = scripted.post('4one\x1e4two');
    scripted.session.abort();
    scripted.session.release();
    expect([answer.got, scripted.heard]).toEqual([3, ['one']]);
  });

  it.each([
    [
      'a second poll',
      (scripted: ReturnType<typeof pollingSession>) => scripted.poll(),
      'a poll beside a poll',
    ],
    [
      'a body that is too long',
      (scripted: ReturnType<typeof pollingSession>) => scripted.post(undefined),
      'a POST of more than 1000000 bytes (maxPayloadBytes)',
    ],
  ])('tells its user of %s, so that the log shows it', (_name, breaks, why) => {
    const scripted = pollingSession();
    scripted.poll();
    breaks(scripted);
    expect(scripted.heard).toEqual([`violated: not a request of Engine.IO 4: ${why}`]);
    expect(scripted.ends).toMatchObject([
      { name: 'transport error', info: { reason: 'bad-input' } },
    ]);
  });
});

describe('the heartbeat', () => {
  it('sends a ping after the interval since the handshake, and since each pong', () => {
    const { clock, poll, post } = pollingSession();
    let waiting = poll();
    for (let i = 0; i < 3; i++) {
      clock.advance(299);
      expect(waiting.got).toBeUndefined();
      clock.advance(1);
      expect(waiting.got).toBe('2');
      waiting = poll();
      clock.advance(50);
      expect(post('3').got).toBe('ok');
    }
  });

  it('ends a session whose pong is missing, after the interval and the time-out', () => {
    const scripted = pollingSession();
    scripted.clock.advance(499);
    expect(endOf(scripted)).toBe('');
    scripted.clock.advance(1);
    expect(endOf(scripted)).toBe('ping timeout');
    expect(scripted.ends[0]?.info).toMatchObject({ reason: 'heartbeat', by: 'network' });
  });

  it('counts one other packet as life for each ping', () => {
    const { socket, clock, ...scripted } = socketSession();
    clock.advance(400);
    socket.says('4one');
    clock.advance(150);
    socket.says('4two');
    clock.advance(49);
    expect(endOf(scripted)).toBe('');
    clock.advance(1);
    expect(endOf(scripted)).toBe('ping timeout');
  });

  it('does not end a client whose pong could not be read', () => {
    const { session, clock, socket, ...scripted } = socketSession();
    session.hold();
    clock.advance(10_000);
    expect([endOf(scripted), socket.isHeld]).toEqual(['', true]);
    session.release();
    clock.advance(199);
    expect(endOf(scripted)).toBe('');
    socket.says('3');
    clock.advance(300);
    expect([endOf(scripted), socket.sent.slice(1)]).toEqual(['', ['2', '2']]);
  });
});

describe('a session over a WebSocket', () => {
  it('sends its handshake without upgrades, and its packets as they are', () => {
    const { socket, session } = socketSession();
    expect(JSON.parse(socket.sent[0]!.slice(1))).toEqual({ ...HANDSHAKE, upgrades: [] });
    session.send(['4one', Uint8Array.of(1, 2)]);
    expect(socket.sent.slice(1)).toEqual(['4one', 'bytes 1,2']);
  });

  it('receives texts and bytes, and ends at a packet that is wrong', () => {
    const { socket, ...scripted } = socketSession();
    socket.says('4one', Buffer.of(1, 2), 'abc', '4late');
    expect(scripted.heard.slice(0, 2)).toEqual(['one', 'bytes 1,2']);
    expect(scripted.heard.slice(2)).toEqual([
      'violated: not a packet of Engine.IO 4: "abc" (3 characters)',
    ]);
    expect([endOf(scripted), socket.isEnded]).toEqual(['parse error', true]);
  });

  it('ends at once when the client closes it', () => {
    const { socket, ...scripted } = socketSession();
    socket.says('1');
    expect([endOf(scripted), socket.isEnded]).toEqual(['transport close', true]);
  });

  it('keeps packets while the connection takes none, in order', () => {
    const { socket, session } = socketSession();
    socket.isBlocked = true;
    session.send(['4one']);
    session.send(['4two']);
    expect([socket.sent.length, session.isDrained, session.isFree]).toEqual([1, false, false]);
    socket.unblock();
    expect(socket.sent.slice(1)).toEqual(['4one', '4two']);
    expect([session.isDrained, session.isFree]).toEqual([true, true]);
  });
});

describe('an upgrade', () => {
  it('ends the poll that waits, takes over what waits, and goes on', () => {
    const scripted = pollingSession();
    const { session, poll, send, heard } = scripted;
    const waiting = poll();
    const socket = candidateOf(scripted);
    expect(waiting.got).toBeUndefined();
    socket.says('2probe');
    expect([socket.sent, waiting.got]).toEqual([['3probe'], '6']);
    send('while it is under way');
    socket.says('5', '4hello');
    expect(socket.sent).toEqual(['3probe', '4while it is under way']);
    expect([heard, session.transport]).toEqual([['hello'], 'websocket']);
  });

  it('ends a poll that comes after the probe, with the packets that wait if there are any', () => {
    const scripted = pollingSession();
    const socket = candidateOf(scripted);
    const early = scripted.poll();
    expect(early.got).toBeUndefined();
    socket.says('2probe');
    expect(early.got).toBe('6');
    scripted.send('one');
    expect(scripted.poll().got).toBe('4one');
    expect(scripted.poll().got).toBe('6');
  });

  it('leaves the session as it was when the WebSocket ends, says something else, or takes too long', () => {
    const scripted = pollingSession({ pingIntervalMs: 100_000 });
    const { session, clock, poll, send } = scripted;
    for (const fail of [
      (socket: ReturnType<typeof candidateOf>) => session.wireLost(socket, 'transport close'),
      (socket: ReturnType<typeof candidateOf>) => socket.says('4hello'),
      (socket: ReturnType<typeof candidateOf>) => socket.says(Buffer.of(1)),
      () => clock.advance(10_000),
    ]) {
      const socket = candidateOf(scripted);
      socket.says('2probe');
      expect(session.canUpgrade).toBe(false);
      fail(socket);
      expect([socket.isEnded, session.canUpgrade]).toEqual([true, true]);
      socket.says('4late');
      const waiting = poll();
      expect(waiting.got).toBeUndefined();
      send('polled');
      expect(waiting.got).toBe('4polled');
    }
    expect([scripted.heard, endOf(scripted)]).toEqual([[], '']);
  });

  it('happens once', () => {
    const scripted = pollingSession();
    expect(scripted.session.canUpgrade).toBe(true);
    const socket = candidateOf(scripted);
    expect(scripted.session.canUpgrade).toBe(false);
    socket.says('2probe', '5');
    expect(scripted.session.canUpgrade).toBe(false);
  });

  it('refuses a POST that was begun before it and comes after it, and drops its packets', () => {
    const scripted = pollingSession();
    const { wire, heard } = scripted;
    const answer = new ScriptedAnswer();
    wire.beginPost(answer);
    candidateOf(scripted).says('2probe', '5', '4by the WebSocket');
    wire.receiveBody(answer, Buffer.from('4late'));
    expect([answer.got, heard]).toEqual([3, ['by the WebSocket']]);
  });

  it('confirms the POST whose packets the user has not read yet, and holds the WebSocket', () => {
    const scripted = pollingSession();
    holdsAfter('one', scripted);
    const posted = scripted.post('4one');
    const socket = candidateOf(scripted);
    socket.says('2probe', '5');
    expect([posted.got, socket.isHeld]).toEqual(['ok', true]);
    scripted.session.release();
    expect(socket.isHeld).toBe(false);
  });

  it('is given up beside a POST whose packets were not read, which it would overtake', () => {
    const scripted = pollingSession();
    holdsAfter('one', scripted);
    const posted = scripted.post('4one\x1e4two');
    const socket = candidateOf(scripted);
    socket.says('2probe', '5', '4overtakes');
    expect([socket.isEnded, scripted.session.transport]).toEqual([true, 'polling']);
    scripted.session.release();
    expect([posted.got, scripted.heard, endOf(scripted)]).toEqual(['ok', ['one', 'two'], '']);
  });

  it('answers no further probe of a client that does not read the answer', () => {
    const scripted = pollingSession();
    const socket = candidateOf(scripted);
    socket.says('2probe');
    socket.isBlocked = true;
    socket.says('2probe', '2probe', '2probe');
    expect(socket.sent).toEqual(['3probe']);
    socket.isBlocked = false;
    socket.says('2probe');
    expect(socket.sent).toEqual(['3probe', '3probe']);
  });

  it('keeps the heartbeat', () => {
    const scripted = pollingSession();
    scripted.clock.advance(200);
    const socket = candidateOf(scripted);
    socket.says('2probe', '5');
    scripted.clock.advance(100);
    expect(socket.sent).toEqual(['3probe', '2']);
    scripted.clock.advance(200);
    expect([endOf(scripted), socket.isEnded]).toEqual(['ping timeout', true]);
  });

  it('ends with the session', () => {
    const scripted = pollingSession();
    const socket = candidateOf(scripted);
    scripted.post('1');
    expect(socket.isEnded).toBe(true);
    socket.says('2probe', '5');
    expect([socket.sent, endOf(scripted)]).toEqual([[], 'transport close']);
  });
});

describe('the end by this side', () => {
  it('sends what waits with the next poll, and the end with the one after it', () => {
    const scripted = pollingSession();
    const { session, poll, send } = scripted;
    send('last');
    session.close();
    expect([session.isOpen, endOf(scripted)]).toEqual([false, '']);
    expect([poll().got, endOf(scripted)]).toEqual(['4last', '']);
    expect(poll().got).toBe('1');
    expect(endOf(scripted)).toBe('forced close');
  });

  it('ends a poll that waits', () => {
    const scripted = pollingSession();
    const waiting = scripted.poll();
    scripted.session.close();
    scripted.clock.advance(0);
    expect([waiting.got, endOf(scripted)]).toEqual(['1', 'forced close']);
  });

  it('does not wait forever for a poll, and receives nothing meanwhile', () => {
    const scripted = pollingSession({ pingIntervalMs: 100_000 });
    scripted.session.close();
    expect(scripted.post('4late').got).toBe('ok');
    scripted.clock.advance(29_999);
    expect(endOf(scripted)).toBe('');
    scripted.clock.advance(1);
    expect([endOf(scripted), scripted.heard]).toEqual(['forced close', []]);
  });

  it('ends a WebSocket after what waits', () => {
    const { socket, session, ...scripted } = socketSession();
    socket.isBlocked = true;
    session.send(['4last']);
    session.close();
    expect(socket.isEnded).toBe(false);
    socket.unblock();
    expect([socket.sent.slice(1), socket.isEnded]).toEqual([['4last'], true]);
    expect(endOf(scripted)).toBe('forced close');
  });

  it('takes a session that is being upgraded along', () => {
    const scripted = pollingSession();
    const socket = candidateOf(scripted);
    socket.says('2probe');
    scripted.send('last');
    scripted.session.close();
    socket.says('5');
    expect([socket.sent, socket.isEnded]).toEqual([['3probe', '4last'], true]);
    expect(endOf(scripted)).toBe('forced close');
  });

  it('is told to a client that has ended its polls for an upgrade, which would wait for it', () => {
    const scripted = pollingSession();
    const socket = candidateOf(scripted);
    socket.says('2probe');
    scripted.session.close();
    expect([scripted.poll().got, endOf(scripted), socket.isEnded]).toEqual([
      '1',
      'forced close',
      true,
    ]);
  });
});

describe('the drain of a session that polls', () => {
  it('ends the session in the poll that waits', () => {
    const scripted = pollingSession();
    const { session, wire, poll, clock } = scripted;
    const answer = poll();
    session.drained(wire, new DrainEvent(1000));
    clock.advance(0);
    expect(answer.got).toBeUndefined();
    session.close();
    clock.advance(0);
    expect([answer.got, endOf(scripted)]).toEqual(['1', 'forced close']);
  });

  it('answers this poll once, with all output and without the end, which clients would prefer', () => {
    const scripted = pollingSession();
    const { session, wire, poll, send, clock } = scripted;
    const answer = poll();
    session.drained(wire, new DrainEvent(1000));
    send('one');
    send('two');
    expect(answer.got).toBeUndefined();
    session.close();
    clock.advance(0);
    expect([answer.got, endOf(scripted)]).toEqual(['4one\x1e4two', 'forced close']);
  });

  it('does not hold a ping, nor a session that goes on elsewhere', () => {
    const pinged = pollingSession();
    const answer = pinged.poll();
    pinged.session.drained(pinged.wire, new DrainEvent(1000));
    pinged.clock.advance(300);
    expect(answer.got).toBe('2');
    const resting = pollingSession();
    const { session, wire, poll, send } = resting;
    const other = poll();
    session.drained(wire, new DrainEvent(1000, () => {}));
    send('one');
    expect(other.got).toBe('4one');
  });

  it('ends with an upgrade', () => {
    const scripted = pollingSession();
    const { session, wire, poll, send } = scripted;
    const socket = candidateOf(scripted);
    poll();
    session.drained(wire, new DrainEvent(1000));
    socket.says('2probe', '5');
    send('one');
    expect(socket.sent).toEqual(['3probe', '4one']);
  });
});
