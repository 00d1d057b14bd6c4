import type { Bus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { type Logger, type Server, stderrLogger } from '@headrace/core';
import type { StartedWorker, WorkerDrain } from '@headrace/workers';
import { clientIdKey } from 'headrace-example-broadcast-chat';
import {
  type ChatServer,
  type ChatServerParts,
  type Member,
  type Settings,
  startChatServer,
} from 'headrace-example-chat-showcase';
import { ClusterGround } from './cluster-ground.ts';

export interface ChatNodeParts {
  readonly settings: Settings;
  readonly bus: Bus;
  /** Earlier members are known before the first client is accepted; only a node that joins others waits for this. */
  readonly isLate?: boolean;
  readonly logger?: Logger;
  /** Handlers for members, as the chat takes them. */
  readonly furtherCommands?: (ground: ClusterGround) => ChatServerParts['furtherCommands'];
  /** Starts the node's other work; it is closed first. */
  readonly beside?: (cluster: Cluster<Member>) => Promise<{ close(): Promise<void> }>;
}

/** A node of the chat that is running. */
export interface ChatNode extends StartedWorker {
  readonly chat: ChatServer;
  readonly cluster: Cluster<Member>;
}

/** The other nodes report their members within this time. */
const PRESENCE_MS = 1200;

/** The chat as one node of a cluster: one room, whichever node a connection is on. */
export async function startChatNode(parts: ChatNodeParts): Promise<ChatNode> {
  const { settings, bus, logger = stderrLogger() } = parts;
  const { host, port } = settings;
  let server: Server | undefined;
  const cluster = await Cluster.join<Member>({
    app: 'headrace-chat',
    bus,
    logger,
    address: { host, port },
    connections: () => server?.connections.size ?? 0,
    users: { onDuplicate: 'kick-older', idOf: ({ id }) => clientIdKey(id) },
  });
  const started = await startOn(cluster, parts, logger).catch(async (error: unknown) => {
    await cluster.leave();
    throw error;
  });
  const { chat, beside } = started;
  server = chat.server;
  return {
    chat,
    cluster,
    info: chat.listening,
    async drain({ drainTimeoutMs }: WorkerDrain): Promise<void> {
      await beside?.close();
      const servers = [{ shutdown: () => chat.shutdown({ drainTimeoutMs }) }];
      await cluster.leave({ servers, drainTimeoutMs });
    },
  };
}

async function startOn(cluster: Cluster<Member>, parts: ChatNodeParts, logger: Logger) {
  const { settings, isLate = false } = parts;
  const ground = new ClusterGround(cluster, settings);
  if (isLate) await new Promise((resolve) => setTimeout(resolve, PRESENCE_MS));
  const furtherCommands = parts.furtherCommands?.(ground);
  const chat = await startChatServer({
    settings,
    logger,
    ground,
    cluster,
    ...(furtherCommands && { furtherCommands }),
  });
  const beside = await parts.beside?.(cluster).catch(async (error: unknown) => {
    await chat.shutdown({ drainTimeoutMs: 0 });
    throw error;
  });
  return { chat, beside };
}
