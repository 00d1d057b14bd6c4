// Compiles: the handlers that keep the types, and those that say something of their own, in one pipeline.
import {
  JsonCodec,
  type JsonCodecOptions,
  LineFrameDecoder,
  lengthPrefixed,
  StringCodec,
  textLines,
} from '@headrace/codec';
import { Bootstrap, type Channel, ChannelGroup, type OutboundBytes } from '@headrace/core';
import {
  AuthHandler,
  type AuthVerdict,
  BroadcastHandler,
  type BroadcastOptions,
  EchoHandler,
  type EchoOptions,
  emptyFrameHeartbeat,
  ForwardHandler,
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  type HeartbeatOptions,
  IdleCloseHandler,
  IdleStateHandler,
  MaxAgeHandler,
  MessageRateHandler,
  matchTag,
  pipeChannels,
  ReadTimeoutHandler,
  RelayHandler,
  SessionRegistry,
  WriteTimeoutHandler,
} from '@headrace/handlers';

interface User {
  readonly id: string;
}

declare const channel: Channel<Buffer, OutboundBytes>;

declare const texts: Channel<string, string>;

const members = new ChannelGroup('members');
const sessions = new SessionRegistry<User>((user) => user.id);

channel.pipeline.addLast(
  new IdleStateHandler({ readerIdleMs: 120_000 }),
  new ReadTimeoutHandler(),
  new WriteTimeoutHandler(),
  new LineFrameDecoder(),
  new StringCodec({ delimiter: '\n' }),
  new IdleCloseHandler({ lastWord: () => 'ERR:IDLE_TIMEOUT' }),
  new MaxAgeHandler({ maxAgeMs: 3_600_000, lastWord: () => 'MOVE' }),
  new HeartbeatHandler(HEARTBEAT_PRESETS.strict),
  new MessageRateHandler({ perSecond: 100 }),
  new AuthHandler({
    authenticate: async (text: string, { signal }): Promise<AuthVerdict<User, string>> =>
      signal.aborted ? { refused: 'too late' } : { principal: { id: text } },
    isCredentials: (text) => text.startsWith('AUTH:'),
    sessions,
    group: members,
    duplicatePolicy: 'kick-older',
    replies: { accepted: (user) => `AUTH_OK ${user.id}` },
  }),
  new EchoHandler({ reply: (text: string) => `ECHO:${text}` }),
  new BroadcastHandler(members, { format: (text: string, from) => `MSG:${from.id}:${text}` }),
);

channel.pipeline.addLast(new EchoHandler());

channel.pipeline.addLast(new RelayHandler(channel));

channel.pipeline.addLast(...textLines(), new RelayHandler(texts));

channel.pipeline.addLast(
  new ForwardHandler({
    connect: ({ install, signal }) =>
      new Bootstrap().handler(install).connect({ port: 1 }, { signal }),
  }),
);

channel.pipeline.addLast(...textLines(), new ForwardHandler({ connect: async () => texts }));

pipeChannels(channel, channel);
pipeChannels(texts, texts);

type Message =
  | { readonly type: 'login'; readonly user: string }
  | { readonly type: 'logout' }
  | { readonly type: 'ping' };

matchTag<Message>()('type', {
  login: (_ctx, { user }) => void user.length,
  logout: (_ctx, { type }) => void (type satisfies 'logout'),
}).otherwise((_ctx, { type }) => void (type satisfies 'ping'));

// The options of a handler have the default types of the handler.
const wire = (heartbeat: HeartbeatOptions) =>
  [
    ...lengthPrefixed({ maxFrameLength: 1000 }),
    new HeartbeatHandler({ ...heartbeat, format: emptyFrameHeartbeat() }),
    new JsonCodec(),
  ] as const;
channel.pipeline.addLast(...wire(HEARTBEAT_PRESETS.relaxed));

const readJson = (options: JsonCodecOptions) => new JsonCodec(options);
const echo = (options: EchoOptions) => new EchoHandler(options);
const broadcast = (options: BroadcastOptions) => new BroadcastHandler(members, options);
channel.pipeline.addLast(
  ...lengthPrefixed({ maxFrameLength: 1000 }),
  readJson({ delimiter: '' }),
  broadcast({ to: 'all' }),
  echo({ passOn: false }),
);
