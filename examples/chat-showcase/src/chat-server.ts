import { ProxyProtocolDecoder } from '@headrace/codec';
import {
  type Channel,
  type Clock,
  type Logger,
  type RejectedError,
  type Server,
  ServerBootstrap,
  stderrLogger,
} from '@headrace/core';
import { addressText } from '@headrace/core/authoring';
import {
  ConnectionLimitHandler,
  MetricsHandler,
  metricsOf,
  type ServerMetrics,
} from '@headrace/handlers';
import { connectionInitializer, type ShowcaseParts, showcaseContainer } from './chat-container.ts';
import { LAST_WORD_MS, Refusal } from './connection/refusal.ts';
import { type PageFiles, readPageFiles } from './http/page-files.ts';
import { Room } from './room/room.ts';
import type { Settings } from './settings/settings.ts';

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

export interface ChatServerParts extends Pick<ShowcaseParts, 'ground' | 'furtherCommands'> {
  readonly settings: Settings;
  readonly logger?: Logger;
  readonly files?: PageFiles;
  /** Counts connections, refusals and the room's work. @default no counts */
  readonly metrics?: ServerMetrics | undefined;
  /** Of the connections; tests move its time themselves. @default the system's */
  readonly clock?: Clock;
}

const DRAIN_MS = 8000;
/** Each connection gets BYE within four seconds, but not all at once: most reconnect as soon as they can. */
const FAREWELLS_AT_ONCE = 1000;
const WAVE_MS = 250;
const MAX_BATCHES = 16;

export async function startChatServer({
  settings,
  logger = stderrLogger(),
  files = readPageFiles(),
  metrics,
  clock,
  ...others
}: ChatServerParts): Promise<ChatServer> {
  const container = showcaseContainer({ settings, logger, files, ...others });
  const { host, port, backlog, maxOutboundBytes, proxyProtocol } = settings;
  const { maxConnections: total, maxConnectionsPerAddress: perAddress } = settings;
  const onRefused = (child: Channel, error: RejectedError) =>
    container.resolve(Refusal).refuse(child, error);
  const refusal = { lastWordMs: LAST_WORD_MS, onRefused };
  // Behind a balancer all connections have its address, until its header names the client.
  const ofClients =
    proxyProtocol === undefined
      ? undefined
      : new ConnectionLimitHandler({ total, perAddress, waitForClient: true, ...refusal });
  const limit = new ConnectionLimitHandler({
    total,
    perAddress: ofClients === undefined ? perAddress : Number.POSITIVE_INFINITY,
    ...refusal,
  });
  const initialize = connectionInitializer(container);
  const server = await new ServerBootstrap()
    .handler(({ pipeline }) => pipeline.addLast(limit))
    .childHandler((channel) => {
      if (metrics !== undefined) channel.pipeline.addLast(new MetricsHandler({ metrics }));
      if (proxyProtocol !== undefined && ofClients !== undefined) {
        channel.pipeline.addLast(new ProxyProtocolDecoder({ trusted: proxyProtocol }), ofClients);
      }
      initialize(channel);
    })
    // Why a write failed is in the line about the close.
    .childOptions({
      logger,
      maxOutboundBytes,
      hooks: { writeFailed() {} },
      ...(clock && { clock }),
    })
    .bind({ host, port, backlog });
  const room = container.resolve(Room);
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
    },
  };
}
