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
