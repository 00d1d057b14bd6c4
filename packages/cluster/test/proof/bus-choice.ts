import type { Bus, EngineBusOptions } from '@headrace/bus';
import { natsBus } from '@headrace/bus/nats';
import { redisBus } from '@headrace/bus/redis';

/** The server that the nodes of a proof meet at. */
export interface BusChoice {
  readonly kind: 'nats' | 'redis';
  readonly port: number;
}

export function busOf({ kind, port }: BusChoice, options: EngineBusOptions = {}): Bus {
  if (kind === 'nats') return natsBus({ ...options, servers: `nats://127.0.0.1:${port}` });
  return redisBus({ ...options, url: `redis://127.0.0.1:${port}` });
}
