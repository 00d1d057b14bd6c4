import { Buffer } from 'node:buffer';
import type { Context, ReadHold } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { WEB_SOCKET_CLOSE, type WebSocketInput } from '../../src/index.ts';
import { clientFrame, textFrame } from './client-frame.ts';
import { framesIn, type Member, type MemberOptions, member } from './member.ts';
import { ScriptedDeflate } from './scripted-deflate.ts';

/** Keeps what a WebSocket reads, and what happens to it. */
function recorded(options: MemberOptions = {}) {
  const events: string[] = [];
  const recorder = {
    channelRead: (_ctx: Context, message: WebSocketInput) => void events.push(String(message)),
    channelReadComplete: () => void events.push('complete'),
    exceptionCaught: (_ctx: Context, { code }: NodeJS.ErrnoException) =>
      void events.push(`${code}`),
    channelInactive: () => void events.push('inactive'),
  };
  const handlers = [...(options.handlers ?? []), recorder];
  return { ...member({ ...options, handlers }), events };
}

// Each call gives another frame: its mask is taken off in place.
const ping = () => clientFrame({ first: 0x89, payload: Buffer.from('p') });
const goodbye = () => clientFrame({ first: 0x88, payload: Buffer.from([0x03, 0xe8, 0x62]) });

function hexOf(one: Member): string[] {
  return framesIn(one).map((frame) => frame.toString('hex'));
}

describe('what a server reads', () => {
  it('is one burst for each burst of the connection', () => {
    const { parent, events } = recorded();
    parent.writeInbound(textFrame('a'), textFrame('b'));
    parent.writeInbound(textFrame('c').subarray(0, 4));
    parent.writeInbound(textFrame('c').subarray(4));
    // Like a decoder of frames, it also ends a burst that completed no message: the peer lives.
    expect(events).toEqual(['a', 'b', 'complete', 'complete', 'c', 'complete']);
  });

  it('holds the reads of the connection while the channel does not read', () => {
    const { parent, channel, events } = recorded({ options: { autoRead: false } });
    parent.writeInbound(textFrame('a'), textFrame('b'));
    expect([events, parent.isReadHeld]).toEqual([[], true]);
    channel.read();
    parent.runPendingTasks();
    expect(parent.isReadHeld).toBe(true);
  });

  it('asks a connection that does not read by itself for each read', () => {
    const { parent, channel } = recorded({ autoRead: false });
    const reads = () => parent.embedded.reads;
    let before = reads();
    parent.writeInbound(textFrame('a').subarray(0, 3));
    expect(reads()).toBeGreaterThan(before);
    before = reads();
    parent.writeInbound(textFrame('a').subarray(3));
    expect(reads()).toBeGreaterThan(before);
    channel.autoRead = false;
    before = reads();
    parent.writeInbound(textFrame('b'));
    expect(reads()).toBe(before);
  });

  it('holds the reads of the connection while a message is inflated, and ends after it', () => {
    const own = new ScriptedDeflate();
    const deflate = { windowBits: 15, thresholdBytes: 100, maxSharedBytes: 1000, own };
    const { parent, channel, events } = recorded({ deflate });
    parent.writeInbound(clientFrame({ first: 0xc1, payload: Buffer.from('z') }), textFrame('a'));
    expect([events, parent.isReadHeld]).toEqual([[], true]);
    parent.close();
    parent.runPendingTasks();
    expect(channel.isOpen).toBe(true);
    own.waiting.shift()!();
    channel.clock.execute(() => {});
    parent.runPendingTasks();
    expect(events.slice(0, 2)).toEqual(['z', 'a']);
    expect(channel.isOpen).toBe(false);
  });

  it('goes on when the message has been inflated', () => {
    const own = new ScriptedDeflate();
    const deflate = { windowBits: 15, thresholdBytes: 100, maxSharedBytes: 1000, own };
    const { parent, events } = recorded({ deflate });
    parent.writeInbound(clientFrame({ first: 0xc1, payload: Buffer.from('z') }));
    own.waiting.shift()!();
    expect([events, parent.isReadHeld]).toEqual([['z', 'complete'], false]);
  });

  it('must be whole in time, but for what is inflated here', () => {
    const own = new ScriptedDeflate();
    const deflate = { windowBits: 15, thresholdBytes: 100, maxSharedBytes: 1000, own };
    const { parent, events } = recorded({ deflate });
    parent.writeInbound(clientFrame({ first: 0xc1, payload: Buffer.from('z') }));
    parent.advance(5000);
    own.waiting.shift()!();
    parent.writeInbound(textFrame('half').subarray(0, 3));
    parent.advance(999);
    expect(events).not.toContain('HR_ERR_TIMEOUT_READ');
    parent.advance(1);
    expect(events).toContain('HR_ERR_TIMEOUT_READ');
  });
});

describe('pings', () => {
  it('are answered, also between the fragments of a message', () => {
    const one = recorded();
    one.parent.writeInbound(ping(), clientFrame({ first: 0x01 }), ping());
    expect(hexOf(one)).toEqual(['8a0170', '8a0170']);
    expect(one.events).toEqual(['complete']);
  });

  it('of one read are answered with one write: sixty of them, and the last one', () => {
    let flushes = 0;
    const before = {
      flush(ctx: Context): void {
        flushes += 1;
        ctx.flush();
      },
    };
    const one = recorded({ before });
    const payload = (i: number) => Buffer.from(i.toString(16).padStart(4, '0'), 'hex');
    const pings = Array.from({ length: 10_000 }, (_, i) =>
      clientFrame({ first: 0x89, payload: payload(i) }),
    );
    one.parent.writeInbound(Buffer.concat(pings));
    expect(hexOf(one)).toEqual([
      ...Array.from({ length: 60 }, (_, i) => `8a02${payload(i).toString('hex')}`),
      `8a02${payload(9999).toString('hex')}`,
    ]);
    expect(flushes).toBe(1);
  });

  it('are answered before a close that a message of the same read causes', () => {
    const closing = { channelRead: (ctx: Context) => void ctx.close() };
    const one = recorded({ handlers: [closing] });
    one.parent.writeInbound(Buffer.concat([ping(), textFrame('bye')]));
    expect(hexOf(one)).toEqual(['8a0170', '880703e86c6f63616c']);
  });

  it('are answered before the answer to the close frame that follows them', () => {
    const one = recorded();
    const pings = Array.from({ length: 100 }, ping);
    one.parent.writeInbound(Buffer.concat([...pings, goodbye()]));
    const frames = hexOf(one);
    expect([frames.length, frames.at(-1)]).toEqual([62, '880303e862']);
  });

  it('of a peer that reads none of the answers end the connection', () => {
    const { parent } = recorded();
    parent.embedded.isStuck = true;
    for (let i = 0; i < 60; i++) parent.writeInbound(ping());
    expect(parent.isOpen).toBe(true);
    parent.writeInbound(ping());
    expect(parent.isOpen).toBe(false);
  });

  it('are answered again when the answers have been sent', () => {
    const { parent } = recorded();
    parent.embedded.isStuck = true;
    for (let i = 0; i < 60; i++) parent.writeInbound(ping());
    parent.embedded.release();
    parent.writeInbound(ping());
    expect(parent.isOpen).toBe(true);
  });

  it('are not answered after our close frame', () => {
    const one = recorded();
    one.channel.end();
    one.parent.writeInbound(ping());
    expect(hexOf(one)).toEqual(['880703e86c6f63616c']);
  });
});

describe('the end', () => {
  it('by the peer is answered with its own code, and is an attribute', () => {
    const one = recorded();
    one.parent.writeInbound(goodbye());
    expect(hexOf(one)).toEqual(['880303e862']);
    expect(one.channel.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 1000, reason: 'b' });
    expect(one.channel.closeInfo).toMatchObject({ reason: 'peer', by: 'peer' });
    expect(one.parent.isOutputShutdown).toBe(true);
  });

  it('by the peer without a code is answered without one', () => {
    const one = recorded();
    one.parent.writeInbound(clientFrame({ first: 0x88 }));
    expect(hexOf(one)).toEqual(['8800']);
    expect(one.channel.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 1005, reason: '' });
  });

  it('by us waits for the answer of the peer, and then ends the connection', () => {
    const one = recorded();
    one.channel.close();
    expect(one.parent.isOutputShutdown).toBe(false);
    one.parent.writeInbound(textFrame('late'), goodbye());
    expect(one.parent.isOutputShutdown).toBe(true);
    expect(hexOf(one)).toEqual(['880703e86c6f63616c']);
    expect(one.events).not.toContain('late');
  });

  it('by us does not wait longer than two seconds', () => {
    const { parent, channel } = recorded();
    channel.close();
    parent.advance(1999);
    expect(parent.isOpen).toBe(true);
    parent.advance(1);
    expect(parent.isOpen).toBe(false);
  });

  it('leaves no timer', () => {
    const { parent, channel } = recorded();
    channel.close();
    parent.close();
    parent.runPendingTasks();
    expect(parent.clock.pendingTimers).toBe(0);
  });

  it('of a peer that broke the protocol has the code of its fault, and nothing more is read', () => {
    const one = recorded();
    one.parent.writeInbound(Buffer.concat([textFrame('a'), clientFrame({ first: 0x83 }), ping()]));
    expect(hexOf(one)).toEqual([`880b03ea${Buffer.from('bad-input').toString('hex')}`]);
    expect(one.events).toEqual(['a', 'complete', 'HR_ERR_FRAME_CORRUPT']);
    expect(one.parent.isOutputShutdown).toBe(true);
  });

  it('of the connection without a close frame is an abnormal one', () => {
    const { parent, channel, events } = recorded();
    parent.endInput();
    parent.runPendingTasks();
    expect(channel.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 1006, reason: '' });
    expect(channel.isOpen).toBe(false);
    expect(events).toEqual(['inactive']);
  });

  it("of the peer's half ends ours, where the connection may be half open", () => {
    const { parent } = recorded({ allowHalfOpen: true });
    parent.endInput();
    expect(parent.isOpen).toBe(false);
  });

  it('delivers what was read before it, though reads are held, by turns of the event loop', () => {
    const holding = {
      channelRead(ctx: Context, message: WebSocketInput) {
        ctx.channel.holdReads('test');
        parent.clock.advanceQuietly(1);
        ctx.fireChannelRead(message);
      },
    };
    const { parent, channel, events } = recorded({ handlers: [holding] });
    const texts = Array.from({ length: 300 }, (_, i) => `${i}`);
    parent.writeInbound(Buffer.concat(texts.map(textFrame)));
    expect(events).toEqual(['0', 'complete']);
    const turns: number[] = [];
    const countTurn = (): void => {
      turns.push(events.length);
      if (channel.isOpen) parent.clock.nextTurn(countTurn);
    };
    parent.clock.run(() => {
      parent.embedded.sink.disconnected();
      countTurn();
    });
    expect(turns.length).toBeGreaterThan(10);
    expect(events.filter((event) => event !== 'complete')).toEqual([...texts, 'inactive']);
  });
});

describe('an answer to a message', () => {
  const echo = {
    sharable: true,
    channelRead: (ctx: Context, text: WebSocketInput) => void ctx.write(text).onSettled(() => {}),
    channelReadComplete: (ctx: Context) => ctx.flush(),
  };

  it.each([
    ['a close frame', goodbye, '880303e862'],
    [
      'a broken frame',
      () => clientFrame({ first: 0x83 }),
      `880b03ea${Buffer.from('bad-input').toString('hex')}`,
    ],
  ])('leaves before the close that %s in the same read causes', (_, end, close) => {
    const one = recorded({ handlers: [echo] });
    one.parent.writeInbound(Buffer.concat([textFrame('a'), end()]));
    expect(hexOf(one)).toEqual(['810161', close]);
  });

  it('that is being compressed leaves before the answer to a close frame', () => {
    const own = new ScriptedDeflate();
    const deflate = { windowBits: 15, thresholdBytes: 1, maxSharedBytes: 0, own };
    const one = recorded({ handlers: [echo], deflate });
    one.parent.writeInbound(Buffer.concat([textFrame('a'), textFrame('b'), goodbye()]));
    expect(hexOf(one)).toEqual([]);
    own.waiting.shift()!();
    own.waiting.shift()!();
    expect(hexOf(one).map((frame) => frame.slice(0, 4))).toEqual(['c103', 'c103', '8803']);
    one.parent.advance(0);
    expect(one.channel.closeInfo).toMatchObject({ reason: 'peer', by: 'peer' });
  });

  it('that the peer does not read after its close frame closes as a slow consumer', () => {
    const one = recorded({ handlers: [echo] });
    one.parent.embedded.isStuck = true;
    one.parent.writeInbound(Buffer.concat([textFrame('a'), goodbye()]));
    one.parent.advance(9999);
    expect(one.parent.isOpen).toBe(true);
    one.parent.advance(3000);
    expect([one.parent.isOpen, one.channel.closeInfo?.reason]).toEqual([false, 'slow-consumer']);
  });
});

describe('the rest of the output of a peer, after our close frame', () => {
  it('may take longer than the answer, as long as it comes or is not read', () => {
    const { parent, channel, events } = recorded();
    channel.shutdown('output').onSettled(() => {});
    parent.advance(1999);
    parent.writeInbound(textFrame('a'));
    parent.advance(1999);
    const hold = channel.holdReads('test');
    parent.advance(10_000);
    hold.release();
    parent.writeInbound(textFrame('b'));
    expect([parent.isOpen, events.filter((event) => event !== 'complete')]).toEqual([
      true,
      ['a', 'b'],
    ]);
    parent.advance(2000);
    expect(parent.isOpen).toBe(false);
  });
});

describe('a message that was inflated while the channel does not read', () => {
  it('waits, and what follows waits behind it', () => {
    const own = new ScriptedDeflate();
    const deflate = { windowBits: 15, thresholdBytes: 100, maxSharedBytes: 1000, own };
    const { parent, channel, events } = recorded({ deflate });
    parent.writeInbound(clientFrame({ first: 0xc1, payload: Buffer.from('z') }), textFrame('a'));
    channel.autoRead = false;
    own.waiting.shift()!();
    parent.runPendingTasks();
    expect([events, parent.isReadHeld]).toEqual([[], true]);
    channel.read();
    parent.runPendingTasks();
    expect([events, parent.isReadHeld]).toEqual([['z', 'a', 'complete'], true]);
    channel.autoRead = true;
    parent.runPendingTasks();
    expect(parent.isReadHeld).toBe(false);
  });
});

describe('what arrives while the channel does not read', () => {
  const holding = () => {
    const holds: ReadHold[] = [];
    const handler = {
      channelRead(ctx: Context, message: WebSocketInput) {
        holds.push(ctx.channel.holdReads('test'));
        ctx.fireChannelRead(message);
      },
    };
    const one = recorded({ handlers: [handler] });
    const release = (): void => {
      holds.shift()!.release();
      one.parent.runPendingTasks();
    };
    return { ...one, release };
  };

  it('waits as it came, and costs no message', () => {
    const { parent, events, release } = holding();
    const read = Buffer.concat([textFrame('a'), textFrame('b'), textFrame('c')]);
    const masked = Buffer.from(textFrame('c'));
    parent.writeInbound(read);
    expect([events, parent.isReadHeld]).toEqual([['a', 'complete'], true]);
    release();
    expect(events).toEqual(['a', 'complete', 'b', 'complete']);
    expect(read.subarray(-masked.length)).toEqual(masked);
    release();
    release();
    expect([events.length, parent.isReadHeld]).toEqual([6, false]);
  });

  it('comes before the close frame that followed it, when the channel reads', () => {
    const one = holding();
    one.parent.writeInbound(Buffer.concat([textFrame('a'), textFrame('b'), goodbye()]));
    expect(hexOf(one)).toEqual([]);
    one.release();
    one.release();
    expect(hexOf(one)).toEqual(['880303e862']);
    expect(one.events).toEqual(['a', 'complete', 'b', 'complete', 'inactive']);
  });

  it('is not held against the time of a message', () => {
    const { parent, events, release } = holding();
    parent.writeInbound(Buffer.concat([textFrame('a'), textFrame('b').subarray(0, 4)]));
    parent.advance(5500);
    release();
    parent.advance(999);
    expect(events).toEqual(['a', 'complete']);
    parent.advance(1);
    expect(events).toContain('HR_ERR_TIMEOUT_READ');
  });

  it('is dropped when the channel closes, but for the close frame', () => {
    const one = holding();
    one.parent.writeInbound(Buffer.concat([textFrame('a'), textFrame('b'), goodbye()]));
    one.channel.close();
    one.parent.runPendingTasks();
    expect(one.channel.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 1000, reason: 'b' });
    expect(one.events).not.toContain('b');
  });
});
