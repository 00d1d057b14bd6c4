import { randomInt } from 'node:crypto';
import { ServerBootstrap } from '@headrace/core';

export const HOST = '127.0.0.1';

export interface Ports {
  /** Where clients connect. */
  readonly gateway: number;
  /** Where clients ask for a gateway. */
  readonly register: number;
}

/** `GATEWAY_PORT` and `REGISTER_PORT`; 0 picks a free one. */
export function portsFrom(env: Readonly<Record<string, string | undefined>>): Ports {
  return {
    gateway: port('GATEWAY_PORT', env['GATEWAY_PORT'], 8282),
    register: port('REGISTER_PORT', env['REGISTER_PORT'], 1236),
  };
}

function port(name: string, text: string | undefined, usual: number): number {
  if (text === undefined || text === '') return usual;
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`${name} is ${JSON.stringify(text)}: it must be a port, 0 to 65535`);
}

/** The port itself, or a free one for 0: all processes must have the same. Rejects if another program has it. */
export async function freePort(wanted: number): Promise<number> {
  for (let tries = 1; ; tries++) {
    // Below those that systems give to outgoing connections.
    const port = wanted === 0 ? randomInt(20_000, 32_000) : wanted;
    try {
      const server = await new ServerBootstrap().childHandler(() => {}).bind({ host: HOST, port });
      await server.close();
      return port;
    } catch (error) {
      if (wanted !== 0 || tries === 100) throw error;
    }
  }
}
