// Every limit of a connection in every state of its channel. docs/internals/limits-and-states.md has the table of the outcomes.
import { readFileSync } from 'node:fs';
import { LineFrameDecoder } from '@headrace/codec';
import { type Channel, type ChannelOptions, DrainEvent, type Handler } from '@headrace/core';
import { connectedPair } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import { bytesHeartbeat } from '../../src/heartbeat/heartbeat-format.ts';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';
import { IdleCloseHandler } from '../../src/idle/idle-close-handler.ts';
import { IdleStateHandler } from '../../src/idle/idle-state-handler.ts';
import { MessageRateHandler } from '../../src/limit/message-rate-handler.ts';
import { ProtocolDetector } from '../../src/routing/protocol-detector.ts';
import { MaxAgeHandler } from '../../src/timeout/max-age-handler.ts';
import { MaxMessagesHandler } from '../../src/timeout/max-messages-handler.ts';
import { ReadTimeoutHandler } from '../../src/timeout/read-timeout-handler.ts';
import { WriteTimeoutHandler } from '../../src/timeout/write-timeout-handler.ts';

const PAGE = new URL('../../../../docs/internals/limits-and-states.md', import.meta.url);
const MARKS = /<!-- outcomes -->\n\n([\s\S]*?)\n\n<!-- end of the outcomes -->/;

interface Limit {
  readonly handlers?: () => readonly Handler[];
  readonly options?: Partial<ChannelOptions>;
  /** What the peer does in each half second. @default nothing */
  readonly peer?: (peer: Channel) => void;
  /** What this side does in each half second. @default nothing */
  readonly we?: (ours: Channel) => void;
  /** What happens once, in the state. */
  readonly once?: (ours: Channel, peer: Channel) => void;
}

/** Writes, if the output takes writes. */
function send(channel: Channel, bytes: Buffer | string): void {
  if (channel.isActive && !channel.isEnding) {
    channel.writeAndFlush(Buffer.from(bytes)).onSettled(() => {});
  }
}

const lastWord = () => Buffer.from('bye\n');
const talks = (peer: Channel): void => send(peer, 'x\n');
const idle = (state: 'reader' | 'writer' | 'all') => () => [
  new IdleStateHandler({ [`${state}IdleMs`]: 1000 } as { readerIdleMs: number }),
  new IdleCloseHandler({ state, lastWord }),
];
const PROTOCOL = { name: 'a', matches: () => 'need-more' as const, install: () => {} };

/** Each limit is of one second, or of a few messages. */
const LIMITS: Readonly<Record<string, Limit>> = {
  MaxAgeHandler: {
    handlers: () => [new MaxAgeHandler({ maxAgeMs: 1000, jitter: 0, lastWord })],
    peer: talks,
  },
  MaxMessagesHandler: {
    handlers: () => [new MaxMessagesHandler({ maxMessages: 3, lastWord })],
    peer: talks,
  },
  'MessageRateHandler, close': {
    handlers: () => [new MessageRateHandler({ perSecond: 1, excessPolicy: 'close', lastWord })],
    peer: talks,
  },
  ReadTimeoutHandler: { handlers: () => [new ReadTimeoutHandler({ timeoutMs: 1000 })] },
  'IdleCloseHandler, reader': { handlers: idle('reader') },
  'IdleCloseHandler, writer': { handlers: idle('writer') },
  'IdleCloseHandler, all': { handlers: idle('all') },
  HeartbeatHandler: {
    handlers: () => [
      new HeartbeatHandler({
        format: bytesHeartbeat({ ping: Buffer.from('p') }),
        intervalMs: 500,
        timeoutMs: 250,
        jitter: 0,
      }),
    ],
  },
  WriteTimeoutHandler: {
    handlers: () => [new WriteTimeoutHandler({ timeoutMs: 1000 })],
    we: (ours) => send(ours, 'x'),
  },
  AuthHandler: {
    handlers: () => [
      new AuthHandler({ authenticate: () => new Promise<never>(() => {}), timeoutMs: 1000 }),
    ],
  },
  ProtocolDetector: {
    handlers: () => [new ProtocolDetector({ protocols: [PROTOCOL], timeoutMs: 1000 })],
  },
  'frameTimeoutMs of decoders': {
    handlers: () => [new LineFrameDecoder({ maxLength: 80, frameTimeoutMs: 1000 })],
    once: (_ours, peer) => send(peer, 'half a line'),
  },
  outboundStallMs: { options: { outboundStallMs: 1000 } },
  maxOutboundBytes: {
    options: { maxOutboundBytes: 200_000 },
    we: (ours) => send(ours, Buffer.alloc(50_000)),
  },
  'a drain': {
    once: (ours) => ours.pipeline.fireUserEventTriggered(new DrainEvent(1000)),
  },
};

interface Ends {
  readonly ours: Channel;
  readonly peer: Channel;
}

/** Peers that do not end when we have ended our half. */
const staysOpen = new WeakSet<Channel>();

const stuff = ({ ours, peer }: Ends): void => {
  peer.holdReads('test');
  send(ours, Buffer.alloc(150_000));
};

/** Each state begins at once. */
const STATES: Readonly<Record<string, (ends: Ends) => void>> = {
  active: () => {},
  'peer has ended its half': ({ peer }) => void peer.shutdown('output').onSettled(() => {}),
  'we have ended our half': ({ ours, peer }) => {
    staysOpen.add(peer);
    ours.shutdown('output').onSettled(() => {});
  },
  'lingers after end()': ({ ours, peer }) => {
    peer.holdReads('test');
    ours.end({ lingerMs: 5000 });
  },
  'reads are held': ({ ours }) => void ours.holdReads('test'),
  'auto-read is off': ({ ours }) => {
    ours.autoRead = false;
  },
  'output is full': stuff,
  'lingers, output is full': (ends) => {
    stuff(ends);
    ends.ours.end({ lingerMs: 5000 });
  },
  'output is full, and ends': (ends) => {
    stuff(ends);
    ends.ours.shutdown('output').onSettled(() => {});
  },
};

/** Returns the reason and the time of the end. */
function outcome(limit: Limit, state: string, unseen: string[]): string {
  const options: ChannelOptions = { allowHalfOpen: true, outboundStallMs: false };
  const app = (): Handler => ({ channelRead: () => {} });
  const peer: Handler = {
    channelRead: () => {},
    channelShutdown({ channel }, direction) {
      if (direction === 'input' && !staysOpen.has(channel)) channel.end();
    },
  };
  let closedAt = -1;
  const { client, server, clock } = connectedPair({
    options: {
      ...options,
      ...limit.options,
      hooks: { writeFailed: (_channel, error) => void unseen.push(`${state}: ${error.message}`) },
    },
    server: ({ pipeline }) =>
      void pipeline.addLast(...((limit.handlers?.() ?? []) as [Handler]), app()),
    client: ({ pipeline }) => void pipeline.addLast(peer),
  });
  server.onClosed(() => {
    closedAt = clock.now();
  });
  clock.run(() => limit.peer?.(client));
  clock.run(() => STATES[state]!({ ours: server, peer: client }));
  clock.run(() => limit.once?.(server, client));
  for (let half = 0; half < 120 && server.isOpen; half++) {
    clock.advance(500);
    clock.run(() => limit.peer?.(client));
    clock.run(() => limit.we?.(server));
  }
  const reason = server.closeInfo?.reason;
  client.abort();
  server.abort();
  return reason === undefined ? '–' : `${reason}, ${closedAt / 1000} s`;
}

it('ends a connection in every state of its channel, as the table says', () => {
  const names = Object.keys(STATES);
  const unseen: string[] = [];
  const rows = Object.entries(LIMITS).map(([name, limit]) =>
    [name, ...names.map((state) => outcome(limit, state, unseen))].join(' | '),
  );
  const head = [`| Limit | ${names.join(' | ')} |`, `|${' --- |'.repeat(names.length + 1)}`];
  const table = [...head, ...rows.map((row) => `| ${row} |`)].join('\n');
  expect(MARKS.exec(readFileSync(PAGE, 'utf8'))?.[1]).toBe(table);
  // A last message fails only where output waits before it.
  expect(unseen.filter((line) => !line.startsWith('output is full:'))).toEqual([]);
});
