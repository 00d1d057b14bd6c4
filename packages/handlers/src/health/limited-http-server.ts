import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '@headrace/core';

/** Where a {@link limitedHttpServer} listens, and what clients may take of it. */
export interface HttpLimits {
  /** 0 takes a free one. */
  readonly port: number;
  /** The address to listen on. */
  readonly host: string;
  /** For one more, the connection is closed whose last request is the oldest. */
  readonly maxConnections: number;
  /** The time for the head of a request, and for the whole of it, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** How long a connection may wait for its next request, in milliseconds. */
  readonly keepAliveMs: number;
  /** Gets the failure of an accept, when the process has no file descriptors left, for example. The server goes on. */
  readonly acceptFailed?: (error: Error) => void;
}

/** The server that {@link limitedHttpServer} returns. */
export interface LimitedHttpServer {
  /** Where it listens. */
  readonly port: number;
  /** Stops listening, and ends the connections once their requests are answered, within a second. */
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 8192;
const CLOSE_WITHIN_MS = 1000;

/**
 * A small HTTP server on a port that strangers may reach: a client that is slow, silent or does not read gets no more than
 * its time, and keeps no other client out. Its listener answers at once.
 */
export async function limitedHttpServer(
  answer: RequestListener,
  { port, host, maxConnections, requestTimeoutMs, keepAliveMs, acceptFailed }: HttpLimits,
): Promise<LimitedHttpServer> {
  /** The one whose last request is the oldest comes first. */
  const sockets = new Set<Socket>();
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
      sockets.add(request.socket);
      answer(request, response);
    },
  );
  // Node sets the time of a socket to this with each request.
  server.timeout = requestTimeoutMs + 2 * connectionsCheckingInterval + 1000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Also for a client that does not read its answer; after the 408, which comes with a look at all sockets.
    socket.setTimeout(server.timeout, () => socket.destroy());
    if (sockets.size > maxConnections) sockets.values().next().value?.destroy();
  });
  server.listen(port, host);
  await once(server, 'listening');
  server.on('error', (error) => acceptFailed?.(error));
  let closing: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      (closing ??= new Promise((resolve) => {
        const end = (): void => {
          for (const socket of sockets) socket.destroy();
        };
        const timer = systemClock.schedule(end, CLOSE_WITHIN_MS, true);
        server.close(() => {
          timer.cancel();
          resolve();
        });
        server.closeIdleConnections();
      })),
  };
}
