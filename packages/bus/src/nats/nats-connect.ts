import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type net from 'node:net';
import { attempted, importPeer, onAbort, toError } from '@headrace/core/authoring';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import type { ServerOrder } from '../bus/server-order.ts';
import { INSTALL_NATS } from './nats-install.ts';
import { NatsLink } from './nats-link.ts';

/** The servers to connect to, and the options of the client. */
export interface NatsConnectOptions {
  readonly servers: ServerOrder;
  readonly replicas: number | undefined;
  readonly maxBytes: number | undefined;
  /** The time for a connect, in milliseconds. */
  readonly timeoutMs: number;
  /** The credentials and TLS options. */
  readonly client: Readonly<Partial<NodeConnectionOptions>>;
}

/** Connects to NATS. */
export async function connectToNats(
  { client, servers, replicas, maxBytes, timeoutMs: ms }: NatsConnectOptions,
  sink: BusLinkSink,
  host: BusHost,
  signal: AbortSignal,
): Promise<BusLink> {
  const peer = await importPeer(
    '@nats-io/transport-node',
    INSTALL_NATS,
    () => import('@nats-io/transport-node'),
  );
  const { clock, random } = host;
  let scheme = '';
  const connectTo = (server: string, shareMs: number): Promise<NatsConnection> => {
    signal.throwIfAborted();
    [scheme = ''] = /^\w+:\/\//.exec(server) ?? [];
    const timeout = Math.ceil(shareMs);
    const options = {
      ...client,
      servers: [server],
      timeout,
      reconnect: false,
      noAsyncTraces: true,
    };
    const tooLate = () => new Error(`${server} has not answered within ${timeout} ms`);
    return attempted(
      (ending) => endingSockets(ending, () => peer.connect(options)),
      { signal, limit: { clock, timeoutMs: timeout, error: tooLate } },
      (late) => void late.close(),
    );
  };
  const connection = await servers.try({ ms, now: () => clock.now(), random }, connectTo);
  void learnFrom(connection, servers, scheme);
  const { inboxPrefix } = client;
  const parts = { connection, peer, inboxPrefix, replicas, maxBytes };
  return new NatsLink(parts, sink, host);
}

/** Takes the servers of the cluster that the server names to its clients, then and later. */
async function learnFrom(
  connection: NatsConnection,
  servers: ServerOrder,
  scheme: string,
): Promise<void> {
  const learn = () => {
    const { connect_urls: hosts } = connection.info ?? {};
    if (hosts !== undefined) servers.learn(hosts.map((host) => `${scheme}${host}`));
  };
  learn();
  for await (const { type } of connection.status()) if (type === 'update') learn();
}

const SOCKETS = 'net.client.socket';
const CONTEXT = new AsyncLocalStorage<Set<net.Socket>>();

/**
 * Ends the sockets of a connect that fails. The client never closes a socket if a server accepts the connection and then sends
 * nothing, like a stopped server. Its sockets are found by a channel of `node:diagnostics_channel`, because the client has no member for
 * them.
 */
async function endingSockets<T>(signal: AbortSignal, connect: () => Promise<T>): Promise<T> {
  const sockets = new Set<net.Socket>();
  const note = (message: unknown) => {
    if (CONTEXT.getStore() === sockets) sockets.add((message as { socket: net.Socket }).socket);
  };
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  subscribe(SOCKETS, note);
  const stopListening = onAbort(signal, end);
  try {
    return await CONTEXT.run(sockets, connect);
  } catch (thrown) {
    end();
    throw toError(thrown);
  } finally {
    stopListening();
    unsubscribe(SOCKETS, note);
  }
}
