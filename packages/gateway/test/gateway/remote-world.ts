import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { connectionsOf, Gateway, Worker } from '@headrace/gateway';
import { Nodes } from '../../../cluster/test/nodes.ts';

/** Two gateways with a connection each, and a worker from which they are reached. */
export async function world() {
  const nodes = new Nodes();
  const fronts = [await nodes.join(), await nodes.join()];
  const ids: string[] = [];
  const back = await nodes.join({ roles: ['worker'] });
  new Worker<string>({
    cluster: back,
    onConnect: ({ id }) => void ids.push(id),
    onMessage: () => {},
  });
  const gateways = fronts.map((cluster) => new Gateway<string>({ cluster }));
  await nodes.pass(3000);
  const channels: EmbeddedChannel[] = [];
  const connect = async (index: number, ...before: Handler[]): Promise<void> => {
    const handler = gateways[index]!.handler();
    channels.push(EmbeddedChannel.with({ clock: nodes.clock }, ...before, handler));
    await nodes.pass(50);
  };
  await connect(0);
  await connect(1);
  const given = async <T>(promise: Promise<T>, ms = 50): Promise<T> => {
    await nodes.pass(ms);
    return await promise;
  };
  return { nodes, fronts, gateways, back, channels, ids, connect, given, of: connectionsOf(back) };
}
