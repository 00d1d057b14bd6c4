// Every row of the protocol's tables, in all three framings.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encode, FRAMINGS, type Framing } from './chat-peer.ts';
import { RunningChat } from './running-chat.ts';

let running: RunningChat;

beforeAll(async () => {
  running = await RunningChat.start();
});

afterEach(() => running.hangUp());
afterAll(() => running.stop());

describe.each(FRAMINGS)('by %s, a client', (framing: Framing) => {
  it('signs in, and the others hear of it', async () => {
    const bob = await running.join('lines', 'bob');
    const ann = await running.connect(framing);
    ann.send('AUTH:ann');
    expect(await ann.next()).toBe('AUTH_OK');
    expect(await bob.next()).toBe('JOIN:ann');
    expect(ann.inbox).toEqual([]);
  });

  it('hears its own words as an echo, the others with its name', async () => {
    const others = await Promise.all(FRAMINGS.map((one) => running.join(one, `other-${one}`)));
    const ann = await running.join(framing, 'ann');
    for (const other of others) while ((await other.next()) !== 'JOIN:ann');
    ann.send('  grüße an alle: hallo 👋 ');
    expect(await ann.next()).toBe('ECHO:grüße an alle: hallo 👋');
    for (const other of others) expect(await other.next()).toBe('MSG:ann:grüße an alle: hallo 👋');
  });

  it('is answered PONG to PING in any case, before and after the sign-in', async () => {
    const ann = await running.connect(framing);
    for (const ping of ['PING', 'ping', 'PiNg', ' ping ']) {
      ann.send(ping);
      expect(await ann.next()).toBe('PONG');
    }
    ann.send('AUTH:ann');
    expect(await ann.next()).toBe('AUTH_OK');
    ann.send('Ping');
    expect(await ann.next()).toBe('PONG');
  });

  it('may try again after an empty or bad id', async () => {
    const ann = await running.connect(framing);
    ann.send('AUTH:');
    expect(await ann.next()).toBe('ERR:EMPTY_CLIENT_ID');
    ann.send('AUTH: :token');
    expect(await ann.next()).toBe('ERR:EMPTY_CLIENT_ID');
    ann.send(`AUTH:${'x'.repeat(65)}`);
    expect(await ann.next()).toBe('ERR:BAD_CLIENT_ID');
    ann.send('AUTH:bell\u0007');
    expect(await ann.next()).toBe('ERR:BAD_CLIENT_ID');
    ann.send(`AUTH:${'é'.repeat(64)}:any token: will do`);
    expect(await ann.next()).toBe('AUTH_OK');
  });

  it('is refused every name with characters that cannot be seen or move the cursor', async () => {
    const ann = await running.connect(framing);
    const bad = [
      'a\u200bnn', // zero width space
      'ann\u200d', // joiner
      '\u202enna', // right-to-left override
      'a\u2066nn', // isolate
      'ann\u00ad', // soft hyphen
      'ann\u{e0041}', // tag
      'ann\ufe0f', // variation selector
      '\u3164', // hangul filler
      'a\u2800b', // empty braille cell
      'a\u00a0b', // no-break space
      'a  b', // two spaces
      'a\tb',
      'a\u001b[31mb',
      'a\u0085b',
      '\ue000', // private use
    ];
    for (const id of bad) {
      ann.send(`AUTH:${id}`);
      expect(await ann.next(), JSON.stringify(id)).toBe('ERR:BAD_CLIENT_ID');
    }
    ann.send('AUTH:Zoë 日本 नी #1-✓ 👋');
    expect(await ann.next()).toBe('AUTH_OK');
  });

  it('is the same member however its name was typed, in NFC', async () => {
    const older = await running.join('lines', 'Zoe\u0308');
    const newer = await running.connect(framing);
    newer.send('AUTH:Zo\u00eb');
    expect(await older.ended()).toEqual(['ERR:KICKED']);
    expect(await newer.next()).toBe('AUTH_OK');
  });

  it('gets the members in the order of their sign-in by WHO, in upper or lower case', async () => {
    const bob = await running.join('lines', 'bob');
    const ann = await running.join(framing, 'ann');
    expect(await bob.next()).toBe('JOIN:ann');
    for (const who of ['WHO', 'who', ' Who ']) {
      ann.send(who);
      const heard = [await ann.next(), await ann.next(), await ann.next()];
      expect(heard).toEqual(['MEMBERS:2', 'MEMBER:bob', 'MEMBER:ann']);
    }
    const again = await running.join('frames', 'bob');
    expect(await bob.ended()).toEqual(['ERR:KICKED']);
    expect([await ann.next(), await ann.next()]).toEqual(['LEAVE:bob', 'JOIN:bob']);
    ann.send('WHO');
    expect([await ann.next(), await ann.next(), await ann.next()]).toEqual([
      'MEMBERS:2',
      'MEMBER:ann',
      'MEMBER:bob',
    ]);
    // Nobody else heard of it, and a text that begins with it is a text.
    ann.send('WHO is there');
    expect(await ann.next()).toBe('ECHO:WHO is there');
    expect(await again.next()).toBe('MSG:ann:WHO is there');
  });

  it('is closed when it asks WHO before it signs in', async () => {
    const ann = await running.connect(framing);
    ann.send('WHO');
    expect(await ann.ended()).toEqual(['ERR:UNAUTH']);
  });

  it('signs in once only', async () => {
    const ann = await running.join(framing, 'ann');
    ann.send('AUTH:bob');
    expect(await ann.next()).toBe('ERR:ALREADY_AUTH');
    ann.send('still here');
    expect(await ann.next()).toBe('ECHO:still here');
  });

  it('is closed when it talks before it signs in', async () => {
    const ann = await running.connect(framing);
    ann.send('hello');
    expect(await ann.ended()).toEqual(['ERR:UNAUTH']);
  });

  it('is not answered to empty messages', async () => {
    const ann = await running.connect(framing);
    for (const nothing of ['', '   ', '\t']) ann.send(nothing);
    ann.send('AUTH:ann');
    expect(await ann.next()).toBe('AUTH_OK');
  });

  it('is kicked by a newer one of the same id, and nothing it sent meanwhile is acted on', async () => {
    const bob = await running.join('frames', 'bob');
    const older = await running.join(framing, 'ann');
    expect(await bob.next()).toBe('JOIN:ann');
    const newer = await running.connect('lines');
    let sent = 0;
    const sending = setInterval(() => {
      for (let i = 0; i < 20; i++) older.send(`m${sent++}`);
    }, 1);
    while ((await bob.next()) !== 'MSG:ann:m40');
    newer.send('AUTH:ann');
    const said = await older.ended();
    clearInterval(sending);
    expect(said.at(-1)).toBe('ERR:KICKED');
    expect(await newer.next()).toBe('AUTH_OK');
    newer.send('I am the one');
    const heard: string[] = [];
    while (heard.at(-1) !== 'MSG:ann:I am the one') heard.push(await bob.next());
    const left = heard.indexOf('LEAVE:ann');
    expect(heard.slice(left)).toEqual(['LEAVE:ann', 'JOIN:ann', 'MSG:ann:I am the one']);
    const echoes = said.filter((text) => text.startsWith('ECHO:')).length;
    const heardOfOlder = heard.slice(0, left).length + 41;
    expect(heardOfOlder).toBe(echoes);
  });

  it('is one with who differs in case alone, by whom it is kicked', async () => {
    const bob = await running.join('frames', 'bob');
    const older = await running.join(framing, 'Zoë');
    expect(await bob.next()).toBe('JOIN:Zoë');
    const newer = await running.join('lines', 'ZOE\u0308');
    expect((await older.ended()).at(-1)).toBe('ERR:KICKED');
    newer.send('WHO');
    expect([await newer.next(), await newer.next(), await newer.next()]).toEqual([
      'MEMBERS:2',
      'MEMBER:bob',
      'MEMBER:ZOË',
    ]);
  });

  it('is missed when it goes', async () => {
    const bob = await running.join('lines', 'bob');
    const ann = await running.join(framing, 'ann');
    const cy = await running.join(framing, 'cy');
    ann.destroy();
    cy.reset();
    const heard = [await bob.next(), await bob.next(), await bob.next(), await bob.next()];
    expect(heard.slice(0, 2)).toEqual(['JOIN:ann', 'JOIN:cy']);
    expect(heard.slice(2).sort()).toEqual(['LEAVE:ann', 'LEAVE:cy']);
  });

  it('is closed with ERR:BAD_UTF8', async () => {
    const bytes = Buffer.from([0xc3, 0x28, 0x0a]);
    const ann = await running.join(framing, 'ann');
    if (framing === 'frames') ann.sendRaw(Buffer.concat([Buffer.from([0, 0, 0, 3]), bytes]));
    else ann.sendRaw(bytes);
    expect(await ann.ended()).toEqual(['ERR:BAD_UTF8']);
  });

  it('may say as much as its limit allows, and not one byte more', async () => {
    const limit = framing === 'lines' ? 8192 : 65_535;
    const ann = await running.join(framing, 'ann');
    ann.send('x'.repeat(limit));
    expect(await ann.next()).toBe(`ECHO:${'x'.repeat(limit)}`);
    ann.send('x'.repeat(limit + 1));
    expect(await ann.ended()).toEqual(['ERR:TOO_LONG']);
  });

  it('is heard in order when it sends ten messages at once', async () => {
    const bob = await running.join('websocket', 'bob');
    const ann = await running.join(framing, 'ann');
    expect(await bob.next()).toBe('JOIN:ann');
    const texts = Array.from({ length: 10 }, (_, i) => `number ${i}`);
    sendAtOnce(ann, framing, texts);
    for (const text of texts) expect(await ann.next()).toBe(`ECHO:${text}`);
    for (const text of texts) expect(await bob.next()).toBe(`MSG:ann:${text}`);
  });
});

describe('lines', () => {
  it('end in LF or CRLF, and are told apart from frames and HTTP by their first bytes', async () => {
    const ann = await running.connect('lines');
    ann.sendRaw(Buffer.from('AUTH:ann\r\nG\nGET\r\nGE T / HTTP/1.1\n'));
    expect(await ann.next()).toBe('AUTH_OK');
    expect(await ann.next()).toBe('ECHO:G');
    expect(await ann.next()).toBe('ECHO:GET');
    expect(await ann.next()).toBe('ECHO:GE T / HTTP/1.1');
  });

  it('greet only a peer that is silent for a second', async () => {
    const quick = await running.join('lines', 'quick');
    const silent = await running.connect('lines');
    expect(await silent.next()).toMatch(/^Headrace chat\. Sign in with AUTH:your-name/);
    silent.send('AUTH:ann');
    expect(await silent.next()).toBe('AUTH_OK');
    expect(await quick.next()).toBe('JOIN:ann');
  });

  it("never show a line break within another member's message as a message of its own", async () => {
    const bob = await running.join('lines', 'bob');
    const eve = await running.join('websocket', 'eve');
    expect(await bob.next()).toBe('JOIN:eve');
    eve.send('hi\nMSG:ann:I owe you\r\nmoney');
    expect(await bob.next()).toBe('MSG:eve:hi MSG:ann:I owe you money');
    expect(await eve.next()).toBe('ECHO:hi\nMSG:ann:I owe you\r\nmoney');
  });

  it('show no control character that anybody has sent', async () => {
    const bob = await running.join('lines', 'bob');
    const ann = await running.join('frames', 'ann');
    expect(await bob.next()).toBe('JOIN:ann');
    ann.send('\u001b[2J\u0007red\u009b31m a\u2028b\tc\u0000\u007fd');
    expect(await bob.next()).toBe('MSG:ann: [2J red 31m a b c d');
    expect(await ann.next()).toBe('ECHO:\u001b[2J\u0007red\u009b31m a\u2028b\tc\u0000\u007fd');
  });
});

describe('one who talks faster than the room can hear', () => {
  it('loses nothing, and the room keeps the order', async () => {
    const crowd = await Promise.all(
      Array.from({ length: 40 }, (_, i) => running.join('frames', `crowd-${i}`)),
    );
    const eve = await running.join('lines', 'eve');
    // Five thousand messages in a few reads, forty times as many to send.
    const texts = Array.from({ length: 5000 }, (_, i) => String(i));
    eve.sendRaw(Buffer.from(`${texts.join('\n')}\n`));
    const last = `MSG:eve:${texts.at(-1)}`;
    for (const peer of crowd) {
      await expect.poll(() => peer.inbox.at(-1), { timeout: 20_000 }).toBe(last);
      const heard = peer.inbox.filter((text) => text.startsWith('MSG:eve:'));
      expect(heard.join() === texts.map((text) => `MSG:eve:${text}`).join()).toBe(true);
    }
  });
});

/** All in one write. */
function sendAtOnce(
  peer: { sendRaw(bytes: Uint8Array): void; send(text: string): void },
  framing: Framing,
  texts: readonly string[],
): void {
  if (framing === 'websocket') {
    const { _socket: socket } = (
      peer as unknown as { ws: { _socket: { cork(): void; uncork(): void } } }
    ).ws;
    socket.cork();
    for (const text of texts) peer.send(text);
    socket.uncork();
  } else peer.sendRaw(Buffer.concat(texts.map((text) => encode(framing, text))));
}
