// CLUSTER_BUS is the one setting: the same room on the processes of one machine, over NATS or over Redis.
import type { Bus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { processBus } from '@headrace/workers';

/** The bus at an address; undefined for the bus between the processes of this program. */
export async function chatBus(address: string | undefined): Promise<Bus> {
  if (address === undefined) return processBus();
  if (address.startsWith('nats:')) {
    const { natsBus } = await import('@headrace/bus/nats');
    return natsBus({ servers: address });
  }
  const { redisBus } = await import('@headrace/bus/redis');
  return redisBus({ url: address });
}

/** Why nothing can be sent over the bus at an address, or undefined if it can. */
export async function busTrouble(address: string): Promise<string | undefined> {
  let trouble = 'it does not answer';
  const bus = await chatBus(address);
  bus.on('down', (cause) => {
    if (cause !== undefined) trouble = cause.message;
  });
  const logger = {
    ...silentLogger,
    log(level: string, text: string) {
      if (level === 'warn') trouble = text;
    },
  };
  const cluster = await Cluster.join({ app: 'headrace-chat-probe', bus, logger });
  const { state } = cluster;
  await cluster.leave();
  return state === 'up' ? undefined : trouble;
}
