// Pings that a WebSocket sends, by a HeartbeatHandler and by hand; those of the peer are in frame-transport.test.ts.
import { Buffer } from 'node:buffer';
import { type Context, type Handler, isHeadraceError } from '@headrace/core';
import {
  AdaptiveInterval,
  HeartbeatHandler,
  HeartbeatMissedEvent,
  type HeartbeatOptions,
  HeartbeatReceivedEvent,
  IdleCloseHandler,
  IdleStateHandler,
} from '@headrace/handlers';
import { describe, expect, it } from 'vitest';
import {
  type WebSocketInput,
  WebSocketPing,
  WebSocketTextCodec,
  webSocketHeartbeat,
} from '../../src/index.ts';
import { clientFrame, textFrame } from './client-frame.ts';
import { framesIn, type MemberOptions, member } from './member.ts';

const RULES = { intervalMs: 30_000, timeoutMs: 5000, maxMissed: 2, jitter: 0 } as const;

function heartbeat(
  options: Partial<HeartbeatOptions<WebSocketInput, WebSocketPing>> = RULES,
): HeartbeatHandler<WebSocketInput, WebSocketPing> {
  return new HeartbeatHandler({ ...options, format: webSocketHeartbeat() });
}

/** What is left of the messages and events, as lines. */
function recorded(handlers: readonly Handler[], options: MemberOptions = {}) {
  const events: string[] = [];
  const recorder: Handler = {
    channelRead: (_ctx: Context, message: unknown) => void events.push(textOf(message)),
    userEventTriggered: (_ctx: Context, event: unknown) => void events.push(eventText(event)),
    channelInactive: ({ channel }: Context) => void events.push(`${channel.closeInfo?.reason}`),
  };
  const one = member({ ...options, handlers: [...handlers, recorder] });
  const sent = () => framesIn(one).map((frame) => frame.toString('hex'));
  return { ...one, events, sent };
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : (message as object).constructor.name;
}

function eventText(event: unknown): string {
  if (event instanceof HeartbeatReceivedEvent) return `${event.kind} ${event.roundTripMs}`;
  if (event instanceof HeartbeatMissedEvent) return `missed ${event.missed}`;
  return (event as object).constructor.name;
}

const pong = (hex: string) => clientFrame({ first: 0x8a, payload: Buffer.from(hex, 'hex') });
const ping = (text: string) => clientFrame({ first: 0x89, payload: Buffer.from(text) });

describe('a HeartbeatHandler with the frames of a WebSocket', () => {
  it('pings in silence, and measures the time to the answer', () => {
    const handler = heartbeat();
    const { parent, events, sent } = recorded([handler]);
    parent.advance(29_999);
    expect(sent()).toEqual([]);
    parent.advance(1);
    expect(sent()).toEqual(['890400000000']);
    parent.advance(70);
    parent.writeInbound(pong('00000000'));
    expect([events, handler.roundTripMs]).toEqual([['pong 70'], 70]);
    parent.advance(30_000);
    parent.writeInbound(pong('00000001'));
    expect(sent()).toEqual(['890400000001']);
  });

  it('ends the channel when answers are missed', () => {
    const { parent, channel, events, sent } = recorded([heartbeat()]);
    parent.advance(40_000);
    expect(events).toEqual(['missed 1', 'missed 2', 'heartbeat']);
    expect(channel.closeInfo).toMatchObject({ reason: 'heartbeat', by: 'local' });
    expect(sent().at(-1)).toBe(`880b03f0${Buffer.from('heartbeat').toString('hex')}`);
    parent.advance(2000);
    expect(parent.isOpen).toBe(false);
  });

  it('takes no pong for an answer that has another payload', () => {
    const { parent, channel, events } = recorded([heartbeat()]);
    parent.advance(30_000);
    parent.writeInbound(pong('00000001'), pong(''), pong('deadbeef'));
    parent.advance(10_000);
    expect(events).toEqual(['missed 1', 'missed 2', 'heartbeat']);
    expect(channel.isOpen).toBe(false);
  });

  it('takes a pong for the answer to all pings before it', () => {
    const handler = heartbeat({ ...RULES, timeoutMs: 40_000, maxMissed: 9, onlyWhenQuiet: false });
    const { parent, events } = recorded([handler]);
    parent.advance(60_000);
    parent.advance(10);
    parent.writeInbound(pong('00000001'));
    expect([events, handler.roundTripMs]).toEqual([['pong 30010', 'pong 10'], 10]);
    parent.advance(29_990 + 25);
    parent.writeInbound(pong('00000002'));
    expect(handler.roundTripMs).toBe(25);
  });

  it('reads the pings of the peer, which have been answered, once it has sent one', () => {
    const { parent, events, sent } = recorded([heartbeat()]);
    parent.writeInbound(ping('a'));
    expect([events, sent()]).toEqual([[], ['8a0161']]);
    parent.advance(30_000);
    parent.writeInbound(ping('b'));
    expect([events, sent()]).toEqual([['ping undefined'], ['890400000000', '8a0162']]);
    parent.advance(29_999);
    expect(events).toEqual(['ping undefined']);
  });

  it('lengthens an adaptive interval while answers come', () => {
    const adaptive = new AdaptiveInterval({ minMs: 1000, stepMs: 1000, confirmations: 1 });
    const { parent } = recorded([heartbeat({ adaptive, jitter: 0 })]);
    parent.advance(1000);
    parent.writeInbound(pong('00000000'));
    expect(adaptive.currentMs).toBe(2000);
  });

  it('misses no answer while reads are held', () => {
    const { parent, channel, events } = recorded([heartbeat()]);
    const hold = channel.holdReads('test');
    parent.advance(200_000);
    expect([events, channel.isOpen]).toEqual([[], true]);
    hold.release();
  });

  it('does not ping a peer that takes nothing again and again', () => {
    const rules = { ...RULES, intervalMs: 1000, timeoutMs: 1000, maxMissed: 99 };
    const { parent, events } = recorded([heartbeat(rules)]);
    parent.embedded.isStuck = true;
    parent.advance(20_000);
    expect(events.length).toBeGreaterThan(5);
    expect(parent.pendingOutboundBytes).toBeLessThan(20);
  });

  it('gives an application that asks for each message the message, not the pong before it', () => {
    const { parent, channel, events } = recorded([heartbeat()], { options: { autoRead: false } });
    parent.advance(30_000);
    channel.read();
    parent.runPendingTasks();
    parent.writeInbound(pong('00000000'));
    parent.writeInbound(textFrame('text'));
    parent.runPendingTasks();
    expect(events).toEqual(['pong 0', 'text']);
  });

  it('pings at once where it is asked to', () => {
    const { sent } = recorded([heartbeat({ ...RULES, immediately: true })]);
    expect(sent()).toEqual(['890400000000']);
  });

  it('masks the ping of a client', () => {
    const { parent, sent } = recorded([heartbeat()], { isClient: true });
    parent.advance(30_000);
    const frame = Buffer.from(sent()[0]!, 'hex');
    const payload = frame.subarray(6).map((byte, i) => byte ^ frame[2 + i]!);
    expect([frame.subarray(0, 2).toString('hex'), payload]).toEqual(['8984', Buffer.alloc(4)]);
    parent.writeInbound(clientFrame({ first: 0x8a, payload: Buffer.alloc(4), mask: false }));
  });
});

describe('an idle handler', () => {
  const idle = () => new IdleStateHandler({ readerIdleMs: 70_000 });
  const close = () => new IdleCloseHandler();

  it('before the heartbeat counts an answered ping as life', () => {
    const { parent, channel } = recorded([idle(), heartbeat(), close()]);
    for (let i = 0; i < 10; i++) {
      parent.advance(30_000);
      parent.writeInbound(pong(i.toString(16).padStart(8, '0')));
    }
    expect(channel.isOpen).toBe(true);
  });

  it('before the heartbeat counts a ping of the peer as life', () => {
    const { parent, channel } = recorded([idle(), heartbeat({ ...RULES, maxMissed: 99 }), close()]);
    for (let i = 0; i < 20; i++) {
      parent.advance(35_000);
      parent.writeInbound(ping('x'));
    }
    expect(channel.isOpen).toBe(true);
  });

  it('after the heartbeat counts messages alone', () => {
    const { parent, channel } = recorded([heartbeat(), idle(), close()]);
    for (let i = 0; i < 2; i++) {
      parent.advance(30_000);
      parent.writeInbound(pong(i.toString(16).padStart(8, '0')));
    }
    expect(channel.isOpen).toBe(true);
    parent.advance(12_000);
    expect(channel.closeInfo?.reason).toBe('idle');
  });
});

describe('pings', () => {
  it('that were not asked for, and pongs, are nothing to the pipeline', () => {
    const { parent, events } = recorded([]);
    parent.writeInbound(pong('00000000'), ping('a'), pong(''));
    expect(events).toEqual([]);
  });

  it('of a handler have a payload of its own', () => {
    const { parent, channel, events, sent } = recorded([]);
    channel.writeAndFlush(new WebSocketPing(Buffer.from('mine')));
    expect(sent()).toEqual([`8904${Buffer.from('mine').toString('hex')}`]);
    parent.writeInbound(clientFrame({ first: 0x8a, payload: Buffer.from('mine') }));
    parent.writeInbound(clientFrame({ first: 0x8a, payload: Buffer.from('mine') }));
    expect(events).toEqual(['WebSocketPong']);
  });

  it('and unhandled pongs end at a codec', () => {
    const { parent, channel, events } = recorded([new WebSocketTextCodec()]);
    channel.pipeline.context(WebSocketTextCodec)!.writeAndFlush(new WebSocketPing());
    parent.writeInbound(pong('00000000'), ping('a'), textFrame('text'));
    expect(events).toEqual(['text']);
  });

  it('have a payload of 125 bytes at most', () => {
    expect(() => new WebSocketPing(Buffer.alloc(126))).toThrow(/126 bytes/);
    expect(new WebSocketPing(Buffer.alloc(125)).payload?.length).toBe(125);
  });

  it('fail when sixteen wait to be sent', () => {
    const { parent, channel } = recorded([]);
    parent.embedded.isStuck = true;
    const futures = Array.from({ length: 18 }, () => channel.writeAndFlush(new WebSocketPing()));
    const failed = futures.filter(({ error }) => isHeadraceError(error, 'OUTBOUND_FULL'));
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(4);
  });

  it('without an answer are remembered up to sixteen', () => {
    const { parent, channel, events } = recorded([]);
    for (let i = 0; i < 20; i++) channel.writeAndFlush(new WebSocketPing());
    parent.writeInbound(pong('00000003'));
    expect(events).toEqual([]);
    parent.writeInbound(pong('00000013'));
    expect(events.length).toBe(16);
  });

  it('fail once the WebSocket is closing', () => {
    const { parent, channel } = recorded([]);
    channel.end();
    const { error } = channel.pipeline.context('websocket')!.writeAndFlush('late');
    expect(error).toBeDefined();
    const ping = channel.writeAndFlush(new WebSocketPing());
    expect(isHeadraceError(ping.error, 'CHANNEL_CLOSED')).toBe(true);
    parent.close();
  });

  it('wait for no long message that is stuck in the channel, and are whole frames', () => {
    const { parent, channel, sent } = recorded([]);
    channel.write('a');
    channel.writeAndFlush(new WebSocketPing());
    channel.flush();
    expect(sent()).toEqual(['890400000000', '810161']);
    parent.close();
  });

  it('keep no close frame back when one is on its way', () => {
    const { parent, channel } = recorded([]);
    parent.embedded.isStuck = true;
    channel.writeAndFlush(new WebSocketPing()).onSettled(() => {});
    channel.close();
    expect(parent.isOpen).toBe(false);
  });
});
