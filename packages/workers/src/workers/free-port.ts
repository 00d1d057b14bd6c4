import { randomInt } from 'node:crypto';
import { ServerBootstrap } from '@headrace/core';

const TRIES = 100;
/**
 * Range of ports, below those that systems use for outgoing connections. So no connection takes the port before the workers
 * listen.
 */
const [FIRST, LAST] = [20_000, 32_000];

/**
 * Finds a port for the workers. The primary calls this function before they start, because each node must listen on the port that
 * it announces.
 *
 * Resolves with `port`, or with a free port if `port` is 0. Rejects if nothing can listen on the port, so that the primary
 * reports the error, and not each worker.
 */
export async function freePort(host: string, port: number): Promise<number> {
  if (port !== 0) return tried(host, port);
  for (let tries = 1; ; tries++) {
    try {
      return await tried(host, randomInt(FIRST, LAST));
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

async function tried(host: string, port: number): Promise<number> {
  const server = await new ServerBootstrap().childHandler(() => {}).bind({ host, port });
  await server.close();
  return port;
}
