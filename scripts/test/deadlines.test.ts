// Every deadline of a connection in one table: whether its time stands while this side does not read. The decision page
// 0063 says why.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LengthFieldFrameDecoder, ProxyProtocolDecoder } from '@headrace/codec';
import {
  type Channel,
  type Context,
  type Handler,
  openChannel,
  silentLogger,
  type WhileHeld,
} from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { perPeer } from '@headrace/datagram';
import {
  AuthHandler,
  ForwardHandler,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
  MaxAgeHandler,
  ProtocolDetector,
  ReadTimeoutHandler,
  WriteTimeoutHandler,
} from '@headrace/handlers';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { SocketIoNamespace } from '@headrace/socket-io';
import { HttpEndpoint } from '@headrace/websocket';
import { afterEach, describe, expect, it } from 'vitest';
import { MeshKeys } from '../../packages/bus/src/mesh/mesh-greeting.ts';
import { type HandshakeOwner, MeshHandshake } from '../../packages/bus/src/mesh/mesh-handshake.ts';
import { FakeNetwork } from '../../packages/datagram/test/fake-network.ts';
import { encodeResumeFrame } from '../../packages/lasting/src/protocol/resume-frame.ts';
import { ENGINE_OPTIONS } from '../../packages/socket-io/src/engine/engine-options.ts';
import { EngineSession } from '../../packages/socket-io/src/engine/engine-session.ts';
import { EngineTransport } from '../../packages/socket-io/src/engine/engine-transport.ts';
import { ConnectionHandler } from '../../packages/socket-io/src/server/connection-handler.ts';
import { ScriptedSocket } from '../../packages/socket-io/test/fixture/scripted-session.ts';
import { clientFrame } from '../../packages/websocket/test/socket/client-frame.ts';
import { member } from '../../packages/websocket/test/socket/member.ts';
import { root, sourcesIn } from '../workspace.ts';

const MS = 10_000;
/** Less than what counts as a process that was suspended. */
const LATE_MS = 100;

interface Row {
  readonly name: string;
  /** The source that decides. */
  readonly file: string;
  readonly whileHeld: WhileHeld;
  readonly open: () => Opened;
  readonly ms?: number;
  /** The part of its time that is left when reads were held at its middle, and when it was due. @default half */
  readonly leftAfterHold?: number;
  /** What the peer sends in time. @default nothing ends the deadline: it limits output or time of our own */
  readonly sends?: string | Uint8Array;
}

interface Opened {
  readonly channel: Channel;
  readonly advance: (ms: number) => void;
  readonly send: (bytes: Uint8Array) => void;
}

function opened(...handlers: Handler[]): Opened & { readonly channel: EmbeddedChannel } {
  const channel = EmbeddedChannel.with({ allowHalfOpen: true }, ...handlers);
  return {
    channel,
    advance: (ms) => channel.advance(ms),
    send: (bytes) => channel.writeInbound(bytes),
  };
}

function fed(bytes: string | Uint8Array, ...handlers: Handler[]): Opened {
  const made = opened(...handlers);
  made.channel.writeInbound(Buffer.from(bytes as string));
  return made;
}

const idle = (state: 'reader' | 'writer' | 'all'): Row => ({
  name: `idle ${state}`,
  file: 'packages/handlers/src/idle/idle-timer.ts',
  whileHeld: state === 'writer' ? 'runs' : 'pauses',
  open: () =>
    opened(new IdleStateHandler({ [`${state}IdleMs`]: MS }), new IdleCloseHandler({ state })),
  ...(state === 'writer' ? {} : { sends: 'anything' }),
});

const authenticate = () => ({ principal: 'ann' });
const handleTimeout = ({ channel }: Context): undefined => {
  channel.end();
};
const matches = ({ length }: Uint8Array) => (length > 2 ? true : ('need-more' as const));
const protocols = [{ name: 'a', matches, install() {} }];

const HELLO = encodeResumeFrame({ kind: 'open', windowMs: 60_000, creditBytes: 1 << 20 });
const MESH_END: HandshakeOwner = {
  node: {
    identity: { id: 'here', kind: 'node', place: { host: 'here', port: 7700 } },
    keys: new MeshKeys([]),
  },
  decide: () => 'join',
  done() {},
  refused() {},
};

/** A connection of Socket.IO whose client has said this. */
function socketIo(
  times: { connectTimeoutMs?: number; packetTimeoutMs?: number },
  ...said: string[]
) {
  const main = new SocketIoNamespace('/');
  const never = Number.POSITIVE_INFINITY;
  const terms = {
    ...{
      connectTimeoutMs: never,
      packetTimeoutMs: never,
      maxNamespaces: 1,
      maxAttachments: 1,
      maxPacketBytes: 1000,
    },
    aliveMs: 45_000,
    namespaceOf: () => main,
    ...times,
  };
  const handshake = { headers: {}, url: '/', connection: undefined as never };
  const made = opened(new ConnectionHandler(terms, handshake));
  for (const packet of said) made.channel.writeInbound(packet);
  return made;
}

/** A session of Engine.IO whose ping has left. */
function engineSession(): Opened {
  const clock = new VirtualClock();
  const settings = ENGINE_OPTIONS.part({ pingIntervalMs: 1, pingTimeoutMs: MS });
  const socket = new ScriptedSocket();
  const session = new EngineSession({ id: 'e', clock, settings, changed() {} }, socket);
  socket.session = session;
  const transport = new EngineTransport(session, undefined, undefined);
  session.open();
  const channel = clock.run(() => openChannel(transport, { clock, logger: silentLogger }));
  clock.advance(1);
  return { channel, advance: (ms) => clock.advance(ms), send: () => {} };
}

const ROWS: readonly Row[] = [
  idle('reader'),
  idle('writer'),
  idle('all'),
  {
    name: 'read time-out',
    file: 'packages/handlers/src/idle/idle-timer.ts',
    whileHeld: 'pauses',
    open: () => opened(new ReadTimeoutHandler({ timeoutMs: MS })),
    sends: 'anything',
  },
  {
    name: 'silence of heartbeats',
    file: 'packages/handlers/src/heartbeat/heartbeat-watch.ts',
    whileHeld: 'pauses',
    // What is due while reads are held begins again.
    leftAfterHold: 1,
    open: () => opened(new HeartbeatHandler({ silenceMs: MS })),
    sends: 'anything',
  },
  {
    name: 'frame of a decoder',
    file: 'packages/codec/src/base/frame-deadline.ts',
    whileHeld: 'pauses',
    open: () =>
      fed(
        Uint8Array.of(0),
        new LengthFieldFrameDecoder({
          lengthFieldLength: 4,
          maxFrameLength: 64,
          frameTimeoutMs: MS,
        }),
      ),
    sends: Uint8Array.of(0, 0, 1, 7),
  },
  {
    name: 'handshake of a mesh',
    file: 'packages/bus/src/mesh/mesh-handshake.ts',
    whileHeld: 'runs',
    open: () => opened(new MeshHandshake(MESH_END, 'acceptor', MS)),
  },
  {
    name: 'PROXY header',
    file: 'packages/codec/src/proxy-protocol/proxy-protocol-decoder.ts',
    whileHeld: 'pauses',
    open: () => opened(new ProxyProtocolDecoder({ trusted: 'any', headerTimeoutMs: MS })),
    sends: 'PROXY UNKNOWN\r\n',
  },
  {
    name: 'HTTP request',
    file: 'packages/websocket/src/server/http-endpoint-handler.ts',
    whileHeld: 'pauses',
    // Node's parser needs a turn of its own event loop: see late-timers.net.test.ts.
    open: () => fed('GET /slow', new HttpEndpoint({ timeoutMs: MS }).handler()),
  },
  {
    name: 'WebSocket message',
    file: 'packages/websocket/src/socket/message-deadline.ts',
    whileHeld: 'pauses',
    ms: 1000,
    open: () => {
      const { parent, channel } = member();
      parent.writeInbound(clientFrame({ first: 0x01, payload: Buffer.from('begun') }));
      const send = (bytes: Uint8Array) => parent.writeInbound(bytes);
      return { channel: channel as unknown as Channel, advance: (ms) => parent.advance(ms), send };
    },
    sends: clientFrame({ first: 0x80 }),
  },
  {
    name: 'sign-in',
    file: 'packages/handlers/src/auth/auth-deadline.ts',
    whileHeld: 'runs',
    open: () => opened(new AuthHandler({ authenticate, timeoutMs: MS })),
    sends: 'a password',
  },
  {
    name: 'connect of a relay',
    file: 'packages/handlers/src/routing/forward-handler.ts',
    whileHeld: 'runs',
    open: () =>
      opened(new ForwardHandler({ connect: () => new Promise(() => {}), timeoutMs: MS }), {
        exceptionCaught: handleTimeout,
      }),
  },
  {
    name: 'protocol detection',
    file: 'packages/handlers/src/routing/protocol-detector.ts',
    whileHeld: 'runs',
    open: () => fed('GE', new ProtocolDetector({ protocols, timeoutMs: MS, handleTimeout })),
    sends: 'T',
  },
  {
    name: 'first frame of a link of a lasting channel',
    file: 'packages/lasting/src/server/resume-handler.ts',
    whileHeld: 'runs',
    open: () => {
      const table = new ResumeTable({ helloTimeoutMs: MS });
      return opened(new ResumeHandler({ table, childHandler() {} }));
    },
    sends: HELLO,
  },
  {
    name: 'silence of a peer of datagrams',
    file: 'packages/datagram/src/peer/peer-transport.ts',
    whileHeld: 'runs',
    open: () => {
      const clock = new VirtualClock();
      const network = new FakeNetwork(clock);
      const listener = perPeer({ port: 9, idleMs: MS, clock, network });
      const accepted: Channel[] = [];
      const nothing = () => {};
      listener.open({
        listening: nothing,
        accepted: (peer) => void accepted.push(openChannel(peer, { clock, logger: silentLogger })),
        caught: nothing,
        failed: nothing,
        closed: nothing,
      });
      listener.requestAccept();
      network.socket.arrive('192.0.2.1', 'hello');
      const send = () => network.socket.arrive('192.0.2.1', 'hello');
      return { channel: accepted[0]!, advance: (ms) => clock.advance(ms), send };
    },
    sends: 'hello',
  },
  {
    name: 'write time-out',
    file: 'packages/handlers/src/timeout/write-timeout-handler.ts',
    whileHeld: 'runs',
    open: () => {
      const made = opened(new WriteTimeoutHandler({ timeoutMs: MS }));
      made.channel.write('not flushed').onSettled(() => {});
      return made;
    },
  },
  {
    name: 'first namespace of Socket.IO',
    file: 'packages/socket-io/src/server/connection-handler.ts',
    whileHeld: 'runs',
    open: () => socketIo({ connectTimeoutMs: MS }),
  },
  {
    name: 'attachments of Socket.IO',
    file: 'packages/socket-io/src/server/connection-handler.ts',
    whileHeld: 'pauses',
    open: () => socketIo({ packetTimeoutMs: MS }, '0', '51-["a",{"_placeholder":true,"num":0}]'),
    sends: Uint8Array.of(1),
  },
  {
    // A pong is read while the channel reads nothing, until a message waits. The session then stands still by itself.
    name: 'pong of Engine.IO',
    file: 'packages/socket-io/src/engine/engine-session.ts',
    whileHeld: 'runs',
    open: engineSession,
  },
  {
    name: 'age of a connection',
    file: 'packages/handlers/src/timeout/max-age-handler.ts',
    whileHeld: 'runs',
    open: () => opened(new MaxAgeHandler({ maxAgeMs: MS, jitter: 0 })),
  },
  {
    name: 'grace time of an expired connection',
    file: 'packages/handlers/src/timeout/connection-expiry.ts',
    whileHeld: 'runs',
    open: () => opened(new MaxAgeHandler({ maxAgeMs: 1, jitter: 0, graceMs: MS - 1 })),
  },
];

const open: Channel[] = [];
afterEach(() => {
  for (const channel of open.splice(0)) channel.abort();
});

function start({ open: make, ms = MS, sends }: Row) {
  const { channel, advance, send } = make();
  open.push(channel);
  /** True if it is over after this part of its time, and was not a millisecond before. */
  const endsAfter = (part: number): boolean => {
    advance(part * ms - 1);
    if (channel.isEnding || !channel.isOpen) throw new Error('it came early');
    advance(1);
    return channel.isEnding || !channel.isOpen;
  };
  /** Stands still until it is late, and lets in what the peer sent. True if it is over. */
  const endsLate = (isSent: boolean): boolean => {
    advance(ms / 2);
    const clock = channel.clock as VirtualClock;
    clock.advanceQuietly(ms / 2 + LATE_MS);
    // The event loop runs timers before it reads.
    if (isSent && sends !== undefined) clock.schedule(() => send(Buffer.from(sends as string)), 0);
    advance(0);
    return channel.isEnding || !channel.isOpen;
  };
  return { channel, advance: (part: number) => advance(part * ms), endsAfter, endsLate };
}

describe.each(ROWS)('$name $whileHeld while this side does not read', (row) => {
  const stands = row.whileHeld === 'pauses';

  it('comes in its time while reads are not held', () => {
    expect(start(row).endsAfter(1)).toBe(true);
  });

  it('counts the time in which reads were held, or does not', () => {
    const { channel, advance, endsAfter } = start(row);
    const hold = channel.holdReads('test');
    advance(0.98);
    hold.release();
    expect(endsAfter(0.02)).toBe(!stands);
    if (stands) expect(endsAfter(0.98)).toBe(true);
  });

  it('comes while reads are held, or waits', () => {
    const { channel, advance, endsAfter } = start(row);
    advance(0.5);
    const hold = channel.holdReads('test');
    expect(endsAfter(0.5)).toBe(!stands);
    if (!stands) return;
    advance(10);
    expect(channel.isEnding).toBe(false);
    hold.release();
    expect(endsAfter(row.leftAfterHold ?? 0.5)).toBe(true);
  });

  it('waits for what lies in the socket when it is late, and ends without', () => {
    expect([start(row).endsLate(false), start(row).endsLate(true)]).toEqual([
      true,
      row.sends === undefined,
    ]);
  });

  it('counts the time in which auto-read was off, or does not', () => {
    const { channel, advance, endsAfter } = start(row);
    channel.autoRead = false;
    advance(0.98);
    channel.autoRead = true;
    expect(endsAfter(0.02)).toBe(!stands);
    if (stands) expect(endsAfter(0.98)).toBe(true);
  });
});

it('has a row for each source that decides', () => {
  const deciding = sourcesIn(root).filter((file) => {
    if (file.startsWith('packages/core/')) return false;
    return /\bwhileHeld: |\bclock\.deadlines\.add\(/.test(readFileSync(join(root, file), 'utf8'));
  });
  expect(deciding.sort()).toEqual([...new Set(ROWS.map(({ file }) => file))].sort());
});

/** What has timers of its own: pauses, retries, and what belongs to one server, one client or one listener. */
const TIMERS = [
  'packages/codec/src/base/byte-to-message-decoder.ts', // a decoder that failed goes on
  'packages/core/src/bootstrap/acceptor.ts', // a pause of the listener
  'packages/core/src/bootstrap/drain.ts', // a drain of a server
  'packages/core/src/channel/flush-watch.ts', // one write at a time, for all channels
  'packages/core/src/channel/open-channel.ts', // a connect
  'packages/core/src/drain/drain-start-event.ts',
  'packages/core/src/log/repeat-limit.ts', // the end of a period with repeated lines
  'packages/core/src/pipeline/handler-context.ts', // passes the call on
  'packages/core/src/testing/transport-contract.ts',
  'packages/core/src/time/attempt.ts', // a connect, a request or a lookup of one client or bus
  'packages/core/src/time/clock-deadlines.ts', // the timer of all deadlines
  'packages/handlers/src/broadcast/announcer.ts',
  'packages/handlers/src/health/limited-http-server.ts',
  'packages/handlers/src/limit/message-rate-handler.ts', // the next message may pass
  'packages/handlers/src/limit/overload-guard.ts',
  'packages/handlers/src/shaping/delayed-writes.ts',
  'packages/handlers/src/shaping/traffic-counter.ts',
  'packages/handlers/src/shaping/traffic-shaping-handler.ts',
  'packages/lasting/src/channel/resume-transport.ts', // an acknowledgement that waits for more
  'packages/lasting/src/client/lasting-client.ts',
  'packages/rpc/src/service/repeated-call.ts',
  'packages/rpc/src/service/resumed-items.ts', // the next attempt of one call of a client
  'packages/tabs/src/port/port-transport.ts', // a tab that crashed
  'packages/websocket/src/browser/page-transport.ts', // a page has one connection
  'packages/websocket/src/client/tunnel-end.ts', // an answer, and a pause, of one client
];

it('is not a timer of its own: thousands that are due together would be one turn of the event loop', () => {
  const ofServers = sourcesIn(root).filter(
    (file) =>
      /^packages\/(core|codec|handlers|rpc|tabs|websocket|lasting)\//.test(file) &&
      // Of a line that is no comment.
      /^(?!\s*\*).*[cC]lock\.schedule\(/m.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(ofServers.sort()).toEqual(TIMERS);
});
