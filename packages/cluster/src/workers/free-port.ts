import { randomInt } from 'node:crypto';
import { ServerBootstrap } from '@headrace/core';

const TRIES = 100;
/** Below those that systems give to outgoing connections: no connection takes it before the workers listen. */
const [FIRST, LAST] = [20_000, 32_000];

/**
 * For the primary, before its workers start: all nodes must have the port that they announce.
 *
 * Resolves with the port itself, or with a free one for 0. Rejects with one clear error where the first worker would, if
 * it cannot be listened on.
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
