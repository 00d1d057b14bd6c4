import { randomInt } from 'node:crypto';
import { ServerBootstrap } from '@headrace/core';

const TRIES = 100;
/** Below those that systems give to outgoing connections: no connection takes it before the workers listen. */
const [FIRST, LAST] = [20_000, 32_000];

/**
 * Finds a port, for the primary, before its workers start: each node must listen on the port that it announces.
 *
 * Resolves with the port itself, or with a free one for 0. Rejects if nothing can listen on it: one error, instead of one from
 * each worker.
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
