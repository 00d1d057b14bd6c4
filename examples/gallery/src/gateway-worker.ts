// GatewayWorker's first example: gateways hold the connections, workers have the logic, a register names the gateways.
// A third worker needs a bus that it can join: BUS=nats://127.0.0.1:4222 for it and for the others.
import nodeCluster from 'node:cluster';
import type { Bus } from '@headrace/bus';
import { Cluster, type ClusterOptions } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import { AttributeKey, type Pipeline, type Server, ServerBootstrap } from '@headrace/core';
import { Gateway, Worker } from '@headrace/gateway';
import { ProtocolDetector, startsWith } from '@headrace/handlers';
import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';
import { freePort } from '@headrace/workers';
import {
  busOf,
  placeText,
  type Settings,
  type System,
  shown,
  startedApart,
  startProcesses,
  startRoute,
} from './start.ts';

type Place = Pick<Settings, 'host' | 'port'>;

const NAMES = [
  'gateway 1',
  'gateway 2',
  'gateway 3',
  'gateway 4',
  'worker 1',
  'worker 2',
  'register',
];
/** The gateways share the outer port. GatewayWorker's first inner one tells them apart. */
const INNER_PORT = 2900;
const registerPort = (port: number) => process.env['REGISTER_PORT'] ?? (port === 0 ? 0 : 1236);
/** A browser speaks at once. Who is silent for so long has a telnet, and waits for the greeting. */
const SILENT_MS = 500;
/** The bus is down when it has not heard itself for two seconds: each gateway goes on alone. */
const PATIENCE = { heartbeatMs: 500, unheardMs: 2000 };
const CLIENT = new AttributeKey<string>('client');
const WEB = { name: 'web', matches: startsWith('GET ') };
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** The beginning of its clients' ids: address (8 digits) and port (4). Connections are numbered in 8 more. */
export const gatewayId = (host: string, port: number): string =>
  Buffer.from(host.split('.').map(Number)).toString('hex') + hex(port, 4);

const join = (bus: Bus, role: string, own: Partial<ClusterOptions> = {}): Promise<Cluster> =>
  Cluster.join({ app: 'gateway-worker', bus, roles: [role], ...own });

export async function startGateway(bus: Bus, place: Place, id: string, generation = 1) {
  let server: Server | undefined;
  const connectionsNow = () => server?.connections.size ?? 0;
  const cluster = await join(bus, 'gateway', { address: place, connections: connectionsNow });
  const everybody = cluster.group<string>('everybody', { listens: 'always' });
  // A gateway in the place of another one gives none of its ids again.
  let connections = ((generation - 1) % 256) * 2 ** 24;
  const gateway = new Gateway<string>({
    cluster,
    delivery: 'acknowledged',
    attributes: ({ attributes }) => ({ client: attributes.get(CLIENT)! }),
    handleWhenDown: ({ attributes }, line) =>
      void everybody.writeAndFlush(`${attributes.get(CLIENT)} said ${shown(line).slice(0, 8192)}`),
  });
  const enter = (pipeline: Pipeline<string, string>): void => {
    connections += 1;
    pipeline.channel.attributes.set(CLIENT, id + hex(connections, 8));
    everybody.add(pipeline.channel);
    pipeline.addLast(gateway.handler());
  };
  const web = new HttpEndpoint({
    webSocketPath: '/',
    allowOrigin: () => true,
    webSocket: ({ pipeline }) => enter(pipeline.addLast(new WebSocketTextCodec())),
  });
  const detect = (): ProtocolDetector =>
    new ProtocolDetector({
      protocols: [{ ...WEB, install: ({ pipeline }) => pipeline.addLast(web.handler()) }],
      otherwise: ({ pipeline }) => enter(pipeline.addLast(...textLines({ delimiter: '\r\n' }))),
      timeoutMs: SILENT_MS,
      handleTimeout: () => 'otherwise',
    });
  const bootstrap = new ServerBootstrap();
  server = await bootstrap.childHandler((to) => to.pipeline.addLast(detect())).bind(place);
  const servers = [server];
  return { port: server.port, drain: () => cluster.leave({ servers, spreadMs: 1000 }) };
}

export async function startWorker(bus: Bus) {
  const cluster = await join(bus, 'worker');
  const everybody = cluster.group<string>('everybody');
  new Worker<string>({
    cluster,
    onConnect(connection, { moved }) {
      const { client } = connection.attributes;
      console.log(`worker ${process.pid} has ${client}`);
      if (!moved) connection.write(`Hello ${client}`);
      if (!moved) everybody.writeAndFlush(`${client} login`);
    },
    onMessage: ({ attributes: { client } }, line) =>
      void everybody.writeAndFlush(`${client} said ${shown(line).slice(0, 8192)}`),
    onClose({ attributes: { client } }, { reason }) {
      // Without the bus all gateways look gone.
      const isUnknown = reason === 'gateway-gone' && cluster.state === 'down';
      if (reason !== 'moved' && !isUnknown) everybody.writeAndFlush(`${client} logout`);
    },
  });
  return { drain: () => cluster.leave() };
}

/** Names the gateways to clients. Gateways and workers know each other by the bus, and do not need it. */
export const startRegister = async (bus: Bus, { host, port }: Place) =>
  startRoute(await join(bus, 'register'), { host, port: Number(registerPort(port)) });

export const system: System = {
  what: 'a chat: connections in some processes, its logic in others (PHP, GatewayWorker)',
  defaults: { port: 8282 },
  roles: {
    async server({ host, port }) {
      if (nodeCluster.isPrimary) {
        process.env['REGISTER_PORT'] = String(registerPort(port));
        // All gateways announce it.
        process.env['PORT'] = String(await freePort(host, port));
      }
      await startProcesses('primary', NAMES, async ({ number, generation }) => {
        const bus = await busOf(PATIENCE);
        const place = { host, port };
        if (number > 6) return startRegister(bus, place);
        if (number > 4) return startWorker(bus);
        const id = gatewayId(/^[\d.]+$/.test(host) ? host : '127.0.0.1', INNER_PORT + number - 1);
        const gateway = await startGateway(bus, place, id, generation);
        return { ...gateway, info: placeText(host, gateway.port) };
      });
    },
    worker: async () => startedApart(await startWorker(await busOf(PATIENCE))),
    register: async (place) => startedApart(await startRegister(await busOf(PATIENCE), place)),
  },
  whole: ['server'],
  peers: {},
};
