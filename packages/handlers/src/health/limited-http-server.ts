import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Logger, systemClock } from '@headrace/core';
import { bindFailure, socketHost, toError, warnFirst } from '@headrace/core/authoring';

/** Address and client limits of a {@link limitedHttpServer}. */
export interface HttpLimits {
  /** Port to listen on; 0 picks a free port. */
  readonly port: number;
  /** Address to listen on. */
  readonly host: string;
  /**
   * Maximum number of open connections. When one more arrives, the server closes the connection whose last request is the oldest.
   * The first time, it logs a warning.
   */
  readonly maxConnections: number;
  /** Maximum time for the head of a request, and for the whole request, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Maximum time that a connection waits for its next request, in milliseconds. */
  readonly keepAliveMs: number;
  /** Called when an accept fails, for example because the process has no free file descriptors. The server continues. */
  readonly acceptFailed?: (error: Error) => void;
  /** Logger for connections that are closed because of `maxConnections`. @default none */
  readonly logger?: Logger;
}

/** The server that {@link limitedHttpServer} returns. */
export interface LimitedHttpServer {
  readonly port: number;
  /** Stops listening. Ends each connection when its requests are answered, at the latest after a second. */
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 8192;
const CLOSE_WITHIN_MS = 1000;

/**
 * Starts a small HTTP server on a port that strangers can reach. A slow or silent client, or a client that does not read, has
 * only a limited time and does not block other clients. `answer` must answer at once.
 *
 * @throws ChannelError `BIND_FAILED` if the server cannot listen
 */
export async function limitedHttpServer(
  answer: RequestListener,
  limits: HttpLimits,
): Promise<LimitedHttpServer> {
  const { port, host, maxConnections, requestTimeoutMs, keepAliveMs, acceptFailed } = limits;
  /** Open connections with their last response. The first is the connection whose last request is the oldest. */
  const sockets = new Map<Socket, ServerResponse | undefined>();
  let closing: Promise<void> | undefined;
  const connectionsCheckingInterval = Math.min(1000, requestTimeoutMs);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval,
    },
    (request, response) => {
      sockets.delete(request.socket);
      sockets.set(request.socket, response);
      if (closing !== undefined) announceEnd(response);
      answer(request, response);
    },
  );
  // Node sets the timeout of a socket to this value with each request.
  server.timeout = requestTimeoutMs + 2 * connectionsCheckingInterval + 1000;
  const closeOldest = closingOldest(limits);
  server.on('connection', (socket) => {
    sockets.set(socket, undefined);
    socket.once('close', () => sockets.delete(socket));
    // This also closes a client that does not read its answer. The timeout follows after the 408, which Node sends at intervals.
    socket.setTimeout(server.timeout, () => socket.destroy());
    if (sockets.size > maxConnections) closeOldest(sockets.keys().next().value!);
  });
  server.listen(port, socketHost(host));
  try {
    await once(server, 'listening');
  } catch (error) {
    throw bindFailure({ name: `${host}, port ${port}` }, toError(error));
  }
  server.on('error', (error) => acceptFailed?.(error));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      (closing ??= new Promise((resolve) => {
        const end = (): void => {
          for (const socket of sockets.keys()) socket.destroy();
        };
        const timer = systemClock.schedule(end, CLOSE_WITHIN_MS, true);
        server.close(() => {
          timer.cancel();
          resolve();
        });
        server.closeIdleConnections();
        for (const response of sockets.values()) announceEnd(response);
      })),
  };
}

/** States in a response that no other follows on its connection (RFC 9112, section 9.6). */
function announceEnd(response: ServerResponse | undefined): void {
  if (response?.headersSent === false) response.shouldKeepAlive = false;
}

/** Returns a function that closes the oldest of too many connections. */
function closingOldest({ host, maxConnections, logger }: HttpLimits): (oldest: Socket) => void {
  let isFirst = true;
  return (oldest) => {
    const { localPort, remoteAddress } = oldest;
    if (logger !== undefined) {
      const text = `closed its oldest connection, of ${remoteAddress}: more than maxConnections (${maxConnections}) are open`;
      const source = { logger, toString: () => `the HTTP server on ${host}:${localPort}` };
      warnFirst(source, isFirst, text);
    }
    isFirst = false;
    oldest.destroy();
  };
}
