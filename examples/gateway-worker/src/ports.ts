import { randomBytes } from 'node:crypto';

export const HOST = '127.0.0.1';

export interface Ports {
  /** Where clients connect. */
  readonly gateway: number;
  /** Where clients ask for a gateway. */
  readonly register: number;
  /** Where the nodes find each other. */
  readonly mesh: number;
}

/** `GATEWAY_PORT`, `REGISTER_PORT` and `MESH_PORT`; 0 picks a free one. */
export function portsFrom(env: Readonly<Record<string, string | undefined>>): Ports {
  return {
    gateway: port('GATEWAY_PORT', env['GATEWAY_PORT'], 8282),
    register: port('REGISTER_PORT', env['REGISTER_PORT'], 1236),
    mesh: port('MESH_PORT', env['MESH_PORT'], 1237),
  };
}

/** Where other programs publish, and the key that they need. */
export interface ApiPlace {
  readonly port: number;
  readonly key: string;
}

/** `API_PORT`, where 0 picks a free one, and `API_KEY`; without a key there is a random one. */
export function apiFrom(env: Readonly<Record<string, string | undefined>>): ApiPlace {
  const key = env['API_KEY'] || randomBytes(18).toString('base64url');
  return { port: port('API_PORT', env['API_PORT'], 8283), key };
}

function port(name: string, text: string | undefined, usual: number): number {
  if (text === undefined || text === '') return usual;
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`${name} is ${JSON.stringify(text)}: it must be a port, 0 to 65535`);
}
