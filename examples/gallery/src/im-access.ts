// The access layer of a messenger: nodes hold the connections and announce how many, the route answers over HTTP which
// nodes to use, clients that lose theirs ask again. Nodes on other machines need BUS=nats://127.0.0.1:4222.
import { httpAddresses, ReconnectingClient, spread } from '@headrace/client';
import { Cluster, type ClusterOptions } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import { Bootstrap, handler, ServerBootstrap } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler, ReadWhenWritable } from '@headrace/handlers';
import * as start from './start.ts';

const NAMES = ['route', 'node 1', 'node 2', 'node 3'];
/** A test gives virtual time. */
export type Ground = Pick<ClusterOptions, 'bus' | 'clock' | 'logger'>;
type Texts = { reads: string; passesOn: never; writes: string };

/** `I am ann` signs in; `@ann a text` goes to ann, on whichever node she is. */
const messages = (node: string, { users }: Cluster) => {
  let isIn = false;
  return handler<Texts>({
    channelRead(ctx, line) {
      const [, id, to, text] = /^I am (\w{1,64})$|^@(\w{1,64}) (.*)$/.exec(line) ?? [];
      if (to !== undefined) users.send(to, text);
      else if (id === undefined || isIn) ctx.writeAndFlush('ERR:UNKNOWN');
      else {
        isIn = true;
        users.bind(id, ctx.channel);
        ctx.writeAndFlush(`Welcome to ${node}, ${id}`);
      }
    },
  });
};

export const join = (ground: Ground, own: Partial<ClusterOptions> = {}): Promise<Cluster> =>
  Cluster.join({ app: 'im-access', ...ground, ...own });

/** When it ends, its clients are sent away evenly within `intervalMs`. */
async function startNode(ground: Ground, { host, intervalMs }: start.Settings) {
  let cluster: Cluster | undefined;
  const server = await new ServerBootstrap()
    .childHandler(({ pipeline }) => {
      if (cluster === undefined) return void pipeline.channel.close();
      pipeline.addLast(
        ...textLines({ maxLength: 4096 }),
        new HeartbeatHandler({ silenceMs: 40_000 }), // clients ping every 10 s
        new ReadWhenWritable(),
        messages(name, cluster),
      );
    })
    .bind({ host, port: 0, exclusive: true, backlog: 1024 });
  const name = start.placeText(host, server.port);
  const address = { host, port: server.port };
  cluster = await join(ground, { address, connections: () => server.connections.size });
  const time = { spreadMs: intervalMs, drainTimeoutMs: intervalMs + 2000 };
  return { info: name, drain: () => cluster.leave({ servers: [server], batch: 20, ...time }) };
}

const startRoute = async (ground: Ground, settings: start.Settings) =>
  start.startRoute(await join(ground), settings);

const print = (_: unknown, line: string): void => console.log(start.shown(line));
const printed = handler<Texts>({ sharable: true, channelRead: print });

/** Asks the route, signs in and prints what comes; after a loss it asks again. */
export function accessClient(route: string, id: string) {
  return new ReconnectingClient({
    bootstrap: new Bootstrap().handler(({ pipeline }) =>
      pipeline.addLast(...textLines(), new HeartbeatHandler(HEARTBEAT_PRESETS.relaxed), printed),
    ),
    addresses: httpAddresses(`http://${route}/route`),
    order: 'given',
    retry: spread({ firstMs: 500 }),
    ready: (channel) => channel.writeAndFlush(`I am ${id}`),
  });
}

const ground = async (): Promise<Ground> => ({ bus: await start.busOf() });

export const system: start.System = {
  what: 'access nodes that come and go, a route over HTTP that names them (an IM access layer)',
  defaults: { port: 8080, intervalMs: 4000 },
  roles: {
    server: (settings) =>
      start.startProcesses('primary', NAMES, async ({ number }) =>
        (number === 1 ? startRoute : startNode)(await ground(), settings),
      ),
    route: async (settings) => start.startedApart(await startRoute(await ground(), settings)),
    node: async (settings) => start.startedApart(await startNode(await ground(), settings)),
    client: ({ host, port }) => {
      const client = accessClient(start.placeText(host, port), `user${process.pid}`);
      start.endsBySignal(() => client.close());
      return client.start();
    },
  },
  whole: ['server'],
  peers: { client: 'im-access.py', server: 'im-access.py' },
};
