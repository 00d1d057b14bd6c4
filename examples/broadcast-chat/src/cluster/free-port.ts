import { randomInt } from 'node:crypto';
import { ServerBootstrap } from '@headrace/core';

const TRIES = 100;
/** Below those that systems give to outgoing connections: nobody takes it before the workers listen. */
const [FIRST, LAST] = [20_000, 32_000];

/**
 * The port itself, or a free one for 0, as all workers must have the same; rejects with one clear error where the first
 * worker would, if it cannot be listened on.
 */
export async function freePort(host: string, port: number): Promise<number> {
  if (port === 0) return await findPort(host);
  const server = await new ServerBootstrap().childHandler(() => {}).bind({ host, port });
  const found = server.port;
  await server.close();
  return found;
}

async function findPort(host: string): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await freePort(host, randomInt(FIRST, LAST));
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}
