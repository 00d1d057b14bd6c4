// START HERE: what a connection of each way gets, and the server around it.
import { Cluster } from '@headrace/cluster';
import {
  type Channel,
  type Clock,
  type Handler,
  type Logger,
  type OutboundBytes,
  type Pipeline,
  type Server,
  ServerBootstrap,
  stderrLogger,
} from '@headrace/core';
import { addressText } from '@headrace/core/authoring';
import type { StateGroup } from '@headrace/durable';
import {
  type BroadcastHandler,
  EchoHandler,
  MetricsHandler,
  metricsOf,
  type ServerMetrics,
} from '@headrace/handlers';
import { type ChannelScope, containerInitializer } from '@headrace/inject';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';
import {
  AUTH_TIMEOUT_MS,
  Authenticator,
  addChat,
  ChatBroadcastHandler,
  chatContainer,
} from 'headrace-example-broadcast-chat';
import { GreetingHandler } from './greeting.ts';
import { HistoryHandler } from './history.ts';
import { pageEndpoint } from './page-server.ts';
import { connectionLimit } from './refusal.ts';
import { LocalGround, Room, RoomBroadcastHandler, type RoomGround } from './room.ts';
import type { Settings } from './settings.ts';
import { TypingHandler, typingGroup } from './typing.ts';
import { addWebSocketTexts, detectWay, earlyFarewell } from './ways-in.ts';
import { WhoHandler } from './who.ts';

/** A chat that is running. */
export interface ChatServer {
  readonly server: Server;
  readonly room: Room;
  /** The line that a script can wait for. */
  readonly listening: string;
  /** Stops accepting, writes BYE to each connection, and waits until all are closed, or the time is over. */
  shutdown(options?: {
    readonly drainTimeoutMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<void>;
}

export interface ChatParts {
  readonly settings: Settings;
  /** @default a room of this process */
  readonly ground?: RoomGround;
  /** Who is typing. */
  readonly typing: StateGroup<true>;
  /** Makes the handlers of a member's further commands, between those of `WHO` and of messages. @default none */
  readonly furtherCommands?: (room: Room) => readonly Handler[];
}

export interface ChatServerParts extends Omit<ChatParts, 'typing'> {
  /** Its nodes know who is typing. @default a cluster of this process alone */
  readonly cluster?: Cluster<never>;
  readonly logger?: Logger;
  /** Counts connections, refusals and members. @default no counts */
  readonly metrics?: ServerMetrics | undefined;
  /** Of the connections; tests move its time themselves. @default the system's */
  readonly clock?: Clock;
}

const DRAIN_MS = 8000;
/** Each connection gets BYE within four seconds, but not all at once: most reconnect as soon as they can. */
const FAREWELLS_AT_ONCE = 1000;
const WAVE_MS = 250;
const MAX_BATCHES = 16;

/** The room, and what builds the pipeline of each connection. */
export function chatRoom({
  settings,
  ground = new LocalGround(settings.maxOutboundBytes),
  typing,
  furtherCommands = () => [],
}: ChatParts): { room: Room; initialize: (channel: Channel<Buffer, OutboundBytes>) => void } {
  const authMs = settings.authSeconds * 1000;
  const room = new Room(ground);
  const container = chatContainer({ settings, members: room.members, sessions: room.sessions });
  container.register<BroadcastHandler<string, string>>(ChatBroadcastHandler, {
    useFactory: () => new RoomBroadcastHandler(room),
  });

  /** The handlers that are the same for all ways in. */
  const addMember = (scope: ChannelScope, texts: Pipeline<string, string>): void => {
    addChat(scope, texts);
    texts.addBefore(EchoHandler, new WhoHandler(room));
    for (const handler of furtherCommands(room)) texts.addBefore(EchoHandler, handler);
  };

  /** A WebSocket is a connection of its own, which must sign in as any other. */
  const acceptWebSocket = containerInitializer<WebSocketInput, WebSocketOutput>(
    container,
    (scope, channel) => {
      channel.pipeline.addLast(new HistoryHandler(room), new TypingHandler(typing));
      addMember(scope, addWebSocketTexts(channel));
    },
  );
  const page = pageEndpoint(settings, acceptWebSocket);

  const addWaysIn = (scope: ChannelScope, channel: Channel<Buffer, OutboundBytes>): void => {
    const deadline = channel.clock.now() + authMs;
    /** The time for the sign-in is shorter by the time that the first bytes took. */
    const timeLeft = (): number => Math.max(1, deadline - channel.clock.now());
    const detector = detectWay({
      timeoutMs: authMs,
      texts: (texts) => addMember(scope.provide(AUTH_TIMEOUT_MS, timeLeft()), texts),
      http: ({ pipeline }) => void pipeline.addLast(page.handler({ timeoutMs: timeLeft() })),
    });
    channel.pipeline.addLast(earlyFarewell, new GreetingHandler(), detector);
  };
  const initialize = containerInitializer(container, addWaysIn, { singletons: [Authenticator] });
  return { room, initialize };
}

export async function startChatServer({
  logger = stderrLogger(),
  metrics,
  clock,
  cluster: given,
  ...parts
}: ChatServerParts): Promise<ChatServer> {
  const { host, port, backlog, maxOutboundBytes } = parts.settings;
  const cluster = given ?? (await Cluster.join({ app: 'headrace-chat', logger }));
  const leave = async (): Promise<void> => {
    if (given === undefined) await cluster.leave();
  };
  const { room, initialize } = chatRoom({ ...parts, typing: typingGroup(cluster) });
  const limit = connectionLimit(parts.settings);
  const server = await new ServerBootstrap()
    .handler(({ pipeline }) => pipeline.addLast(limit))
    .childHandler((channel) => {
      if (metrics !== undefined) channel.pipeline.addLast(new MetricsHandler({ metrics }));
      initialize(channel);
    })
    // Why a write failed is in the close's reason.
    .childOptions({
      logger,
      maxOutboundBytes,
      hooks: { writeFailed() {} },
      ...(clock && { clock }),
    })
    .bind({ host, port, backlog })
    .catch(async (error: unknown) => {
      await leave();
      throw error;
    });
  metrics
    ?.include(metricsOf('headrace_limit', () => limit.counters))
    .include(metricsOf('headrace_slow_members', () => room.local.slowMembers))
    .include(metricsOf('chat_room', () => room.figures(), { gauges: ['members', 'backlog'] }));
  const place = addressText(server.address);
  return {
    server,
    room,
    listening: `listening tcp://${place} http://${place}/`,
    shutdown: async ({ drainTimeoutMs = DRAIN_MS, signal } = {}) => {
      room.close();
      const batch = Math.max(FAREWELLS_AT_ONCE, Math.ceil(server.connections.size / MAX_BATCHES));
      const waves = { batch, everyMs: Math.min(WAVE_MS, drainTimeoutMs) };
      await server.shutdown({ drainTimeoutMs, ...waves, ...(signal && { signal }) });
      await leave();
    },
  };
}
