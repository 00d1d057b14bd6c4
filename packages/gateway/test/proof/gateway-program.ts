// A gateway, a worker or a server of the HTTP API, as the guides show them, for the proofs that see them from outside. Each writes
// what it does into one journal, at once, so that the order of all processes is known and a kill loses nothing.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { Cluster } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import {
  type Channel,
  type Context,
  type Handler,
  type Logger,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { connectionsOf, Gateway, type GatewayOptions, Worker } from '@headrace/gateway';
import { type ClusterApiOptions, clusterApi } from '@headrace/gateway/http';
import { limitedHttpServer } from '@headrace/handlers/health';
import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';
import { type BusChoice, busOf } from '../../../cluster/test/proof/bus-choice.ts';
import { serveOrders, settings } from '../../../cluster/test/proof/orders.ts';

/** What a process of the gateway's proofs is started with. */
export interface GatewayProgramSettings {
  readonly role: 'gateway' | 'worker' | 'api';
  readonly name: string;
  readonly journal: string;
  readonly bus: BusChoice;
  readonly drainTimeoutMs?: number;
  readonly gateway?: Pick<
    GatewayOptions,
    'delivery' | 'maxUnanswered' | 'syncMs' | 'handoverMs'
  > & {
    readonly allowHalfOpen?: boolean;
    readonly isWebSocket?: boolean;
    readonly handlesWhenDown?: boolean;
  };
  /** A peer at this address ends each worker that begins with it. */
  readonly poisoned?: string;
  /** How long a worker takes for a line. */
  readonly lineMs?: number;
  readonly api?: Pick<
    ClusterApiOptions,
    'keys' | 'requestsPerSecond' | 'requestBurst' | 'maxRequests' | 'maxIdempotencyKeys'
  >;
}

/** An entry of the journal. */
export interface Noted {
  readonly by: string;
  readonly what:
    | 'accepted'
    | 'local'
    | 'closed'
    | 'connect'
    | 'begin'
    | 'end'
    | 'close'
    | 'log'
    | 'left';
  readonly line?: string;
  readonly id?: string;
  readonly reason?: string;
  readonly repeated?: boolean;
  readonly moved?: boolean;
  readonly counters?: Counters;
}

export interface Counters {
  readonly connections: number;
  readonly lost: number;
  readonly moved: number;
  readonly missed: number;
  readonly ignored: number;
  readonly state: 'up' | 'down';
}

const PIECE = 50_000;

const given = settings<GatewayProgramSettings>();
const { role, name, drainTimeoutMs = 60_000 } = given;
const journal = openSync(given.journal, 'a');

function note(what: Noted['what'], more: Omit<Noted, 'by' | 'what'> = {}): void {
  writeSync(journal, `${JSON.stringify({ by: name, what, ...more })}\n`);
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

/** The code of the error that a call throws. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const logger: Logger = {
  log: (level, text) => {
    if (level === 'error') note('log', { reason: text });
  },
};
let server: Server | undefined;
const cluster = await Cluster.join({
  app: 'box',
  bus: busOf(given.bus),
  logger,
  roles: [role],
  connections: () => server?.connections.size ?? 0,
});

/** What the gateway reads, and how its connections end. */
class Tap implements Handler {
  channelRead(ctx: Context, line: string): void {
    note('accepted', { line });
    ctx.fireChannelRead(line);
  }

  channelInactive(ctx: Context): void {
    note('closed', { reason: ctx.channel.closeInfo?.reason ?? '' });
    ctx.fireChannelInactive();
  }
}

async function startGateway(): Promise<Gateway<string>> {
  const { allowHalfOpen, isWebSocket, handlesWhenDown, ...options } = given.gateway ?? {};
  const handleWhenDown = (channel: Channel, line: string): void => {
    note('local', { line });
    void channel.writeAndFlush(`local ${line}`);
  };
  const gateway = new Gateway<string>({
    cluster,
    ...options,
    attributes: ({ remoteAddress: from }) => (from && 'host' in from ? { from: from.host } : {}),
    ...(handlesWhenDown === true ? { handleWhenDown } : {}),
  });
  const endpoint = new HttpEndpoint({
    webSocket: ({ pipeline }) =>
      pipeline.addLast(new WebSocketTextCodec(), new Tap(), gateway.handler()),
  });
  server = await new ServerBootstrap()
    .childOptions({ allowHalfOpen: allowHalfOpen ?? false, logger })
    .childHandler(({ pipeline }) =>
      isWebSocket === true
        ? pipeline.addLast(endpoint.handler())
        : pipeline.addLast(...textLines(), new Tap(), gateway.handler()),
    )
    .bind({ host: '127.0.0.1', port: 0 });
  return gateway;
}

function startWorker(): Worker<string> {
  return new Worker<string>({
    cluster,
    async onConnect({ id, attributes }, { moved }) {
      note('connect', { id, moved });
      if (attributes['from'] === given.poisoned) await die();
    },
    async onMessage(connection, line, { repeated }) {
      const { id } = connection;
      note('begin', { line, id, repeated });
      const [verb, , , argument] = line.split(' ');
      if (verb === 'die') await die();
      if (verb === 'wait') await new Promise(() => {});
      if (verb === 'id') connection.write(`${line} ${id}`);
      if (verb === 'pay' || verb === 'total') {
        const before = Number(connection.attributes['paid'] ?? 0);
        const paid = verb === 'pay' ? before + 1 : before;
        connection.setAttributes({ paid });
        // What it set has time to go out before it is killed.
        if (argument === 'and-die' && !repeated) {
          await delay(300);
          await die();
        }
        connection.write(`${line} ${paid}`);
      }
      if (verb === 'keep') {
        const text = 'x'.repeat(Number(argument));
        connection.write(`${line} ${codeOf(() => connection.setAttributes({ text })) ?? 'kept'}`);
      }
      if (verb === 'kept')
        connection.write(`${line} ${String(connection.attributes['text']).length}`);
      if (verb === 'write') {
        const text = 'x'.repeat(Number(argument));
        connection.write(`${line} ${codeOf(() => connection.write(text)) ?? 'written'}`);
      }
      if (verb === 'flood') {
        for (let sent = 0; sent < Number(argument); sent += PIECE) {
          connection.write('x'.repeat(PIECE));
          await turn();
        }
      }
      if (given.lineMs !== undefined) await delay(given.lineMs);
      connection.write(line);
      note('end', { line, id });
    },
    onClose: ({ id }, { reason }) => note('close', { id, reason }),
  });
}

const gateway = role === 'gateway' ? await startGateway() : undefined;
const worker = role === 'worker' ? startWorker() : undefined;
const connections = connectionsOf(cluster);
const api =
  given.api === undefined
    ? undefined
    : await limitedHttpServer(clusterApi({ connections, logger, ...given.api }), {
        host: '127.0.0.1',
        port: 0,
        maxConnections: 500,
        requestTimeoutMs: 60_000,
        keepAliveMs: 5000,
      });

function counters(): Counters {
  return {
    connections: gateway?.connections ?? worker?.connections ?? 0,
    lost: gateway?.lostCount ?? 0,
    moved: gateway?.movedCount ?? 0,
    missed: worker?.missedCount ?? 0,
    ignored: gateway?.ignoredCount ?? worker?.ignoredCount ?? 0,
    state: cluster.state,
  };
}

process.once('SIGTERM', async () => {
  await api?.close();
  await cluster.leave({ servers: server === undefined ? [] : [server], drainTimeoutMs });
  note('left', { counters: counters() });
  process.exit(0);
});

serveOrders({
  port: () => server?.port ?? api?.port,
  nodes: () => cluster.nodes.length,
  counters,
  call: async ({ name: call, args }: { name: keyof typeof connections; args: unknown[] }) => {
    const method = connections[call] as (...all: unknown[]) => Promise<unknown>;
    return await method.call(connections, ...args).catch((error: unknown) => {
      const { code, details } = error as { code: string; details: object };
      return { code, details };
    });
  },
});
