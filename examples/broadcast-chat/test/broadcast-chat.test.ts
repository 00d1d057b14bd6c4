// The chat's protocol in frames, on virtual time and without sockets.
import { DrainEvent } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { chatContainer, connectionInitializer } from '../src/chat-container.ts';
import { MAX_MESSAGE_BYTES } from '../src/chat-pipeline.ts';
import { type ChatSettings, DEFAULT_SETTINGS } from '../src/settings.ts';

function frame(text: string | Buffer): Buffer {
  const body = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** A client's end of a connection. */
class Peer {
  readonly channel: EmbeddedChannel;

  constructor(channel: EmbeddedChannel) {
    this.channel = channel;
  }

  say(...texts: readonly string[]): void {
    for (const text of texts) this.channel.writeInbound(frame(text));
  }

  /** The texts that were written since the last call. */
  heard(): string[] {
    const texts: string[] = [];
    let bytes: Buffer<ArrayBufferLike> = Buffer.alloc(0);
    for (let part = this.channel.readOutbound(); part !== undefined; ) {
      bytes = Buffer.concat([bytes, part as Buffer]);
      part = this.channel.readOutbound();
    }
    while (bytes.length > 0) {
      const end = 4 + bytes.readUInt32BE();
      texts.push(bytes.toString('utf8', 4, end));
      bytes = bytes.subarray(end);
    }
    return texts;
  }
}

let clock: VirtualClock;
let initialize: ReturnType<typeof connectionInitializer>;

function start(settings: Partial<ChatSettings> = {}): void {
  clock = new VirtualClock();
  initialize = connectionInitializer(
    chatContainer({ settings: { ...DEFAULT_SETTINGS, ...settings } }),
  );
}

function connect(): Peer {
  const channel = EmbeddedChannel.with({ clock });
  initialize(channel as never);
  return new Peer(channel);
}

function join(id: string): Peer {
  const peer = connect();
  peer.say(`AUTH:${id}`);
  expect(peer.heard()).toEqual(['AUTH_OK']);
  return peer;
}

beforeEach(() => start());

describe('a member', () => {
  it('is announced to the others when it joins and when it leaves', () => {
    const [ann, bob] = [join('ann'), join('bob')];
    expect([ann.heard(), bob.heard()]).toEqual([['JOIN:bob'], []]);
    bob.channel.close();
    expect(ann.heard()).toEqual(['LEAVE:bob']);
  });

  it('gets an echo of its text, and every other member gets the text with its id', () => {
    const [ann, bob, cy, guest] = [join('ann'), join('bob'), join('cy'), connect()];
    for (const peer of [ann, bob, cy]) peer.heard();
    ann.say('  grüße an alle: hallo 👋 ', ' ');
    expect(ann.heard()).toEqual(['ECHO:grüße an alle: hallo 👋']);
    expect(bob.heard()).toEqual(['MSG:ann:grüße an alle: hallo 👋']);
    expect(cy.heard()).toEqual(['MSG:ann:grüße an alle: hallo 👋']);
    expect(guest.heard()).toEqual([]);
  });

  it('takes the id over from an older connection, which does nothing more', () => {
    const [older, bob] = [join('ann'), join('bob')];
    older.heard();
    const newer = join('ann');
    expect(older.heard()).toEqual(['ERR:KICKED']);
    expect(older.channel.isEnding).toBe(true);
    older.say('not said');
    expect(bob.heard()).toEqual(['LEAVE:ann', 'JOIN:ann']);
    newer.say('said');
    expect(bob.heard()).toEqual(['MSG:ann:said']);
  });

  it('is refused a second sign-in', () => {
    const ann = join('ann');
    ann.say('AUTH:bob', 'hello');
    expect(ann.heard()).toEqual(['ERR:ALREADY_AUTH', 'ECHO:hello']);
  });

  it('is closed after 120 seconds without a complete message', () => {
    const ann = join('ann');
    clock.advance(119_999);
    ann.say('PING');
    clock.advance(119_000);
    ann.channel.writeInbound(Buffer.from([0, 0]));
    clock.advance(1000);
    expect(ann.heard()).toEqual(['PONG', 'ERR:IDLE_TIMEOUT']);
    expect(ann.channel.isEnding).toBe(true);
  });

  it('gets BYE at a shutdown', () => {
    const ann = join('ann');
    ann.channel.run(() => ann.channel.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
    expect(ann.heard()).toEqual(['BYE']);
    expect(ann.channel.isEnding).toBe(true);
  });
});

describe('a connection that has not signed in', () => {
  it('gets PONG for PING, in upper and lower case', () => {
    const peer = connect();
    peer.say('PING', 'ping', ' PiNg ');
    expect(peer.heard()).toEqual(['PONG', 'PONG', 'PONG']);
  });

  it('is closed for any other text', () => {
    const peer = connect();
    peer.say('hello');
    expect(peer.heard()).toEqual(['ERR:UNAUTH']);
    expect(peer.channel.isEnding).toBe(true);
  });

  it('is closed after 10 seconds, which PING does not extend', () => {
    const peer = connect();
    clock.advance(9999);
    peer.say('PING');
    expect(peer.heard()).toEqual(['PONG']);
    clock.advance(1);
    expect(peer.heard()).toEqual(['ERR:AUTH_TIMEOUT']);
    expect(peer.channel.isEnding).toBe(true);
  });

  it('may try again after a bad id, and is closed after a wrong token', () => {
    start({ tokens: { ann: 'secret' } });
    const peer = connect();
    peer.say('AUTH:', 'AUTH:a\u200bb:secret', 'AUTH:ann:guess');
    expect(peer.heard()).toEqual(['ERR:EMPTY_CLIENT_ID', 'ERR:BAD_CLIENT_ID', 'ERR:AUTH_FAILED']);
    expect(peer.channel.isEnding).toBe(true);
    join('ann:secret');
  });
});

describe('a frame', () => {
  it('has at most 65,535 bytes', () => {
    const ann = join('ann');
    ann.say('x'.repeat(MAX_MESSAGE_BYTES));
    expect(ann.heard()).toEqual([`ECHO:${'x'.repeat(MAX_MESSAGE_BYTES)}`]);
    // The length alone is enough.
    ann.channel.writeInbound(Buffer.from([0, 1, 0, 0]));
    expect(ann.heard()).toEqual(['ERR:TOO_LONG']);
    expect(ann.channel.isEnding).toBe(true);
  });

  it('must be UTF-8', () => {
    const ann = join('ann');
    ann.channel.writeInbound(frame(Buffer.from([0xc3, 0x28])));
    expect(ann.heard()).toEqual(['ERR:BAD_UTF8']);
    expect(ann.channel.isEnding).toBe(true);
  });

  it('may arrive in any pieces', () => {
    const ann = join('ann');
    for (const byte of frame('hello')) ann.channel.writeInbound(Buffer.from([byte]));
    expect(ann.heard()).toEqual(['ECHO:hello']);
  });
});
