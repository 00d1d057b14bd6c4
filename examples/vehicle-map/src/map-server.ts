// The server of the map: vehicles report over TCP and UDP, and pages see them over WebSockets.
import { Cluster } from '@headrace/cluster';
import { JsonCodec, jsonLines } from '@headrace/codec';
import {
  DecodeError,
  handler,
  type Logger,
  type Server,
  ServerBootstrap,
  stderrLogger,
} from '@headrace/core';
import { requestPath } from '@headrace/core/authoring';
import { perPeer } from '@headrace/datagram';
import { type StateMessage, stateGroup } from '@headrace/durable';
import {
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
  MessageRateHandler,
} from '@headrace/handlers';
import { HttpEndpoint, WebSocketJsonCodec, webSocketHeartbeat } from '@headrace/websocket';
import { z } from 'zod';

/** What a vehicle sends: a line over TCP, a datagram over UDP. `x` and `y` are parts of the map's width and height. */
const Report = z.object({
  id: z.string().regex(/^[\w -]{1,40}$/),
  x: z.number().min(0).max(1),
  y: z.number().min(0).max(1),
});
type Report = z.infer<typeof Report>;

/** What pages get of a vehicle. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly via: 'tcp' | 'udp';
}

/** What a page sends on each connection: the position of its state, if it has one. */
const Join = z.object({
  since: z.object({ epoch: z.string().max(100), offset: z.number().int().min(0) }).optional(),
});
type Join = z.infer<typeof Join>;

export interface MapServerOptions {
  /** Port of the vehicles, over TCP and UDP. 0 takes a free one for each. */
  readonly vehiclePort: number;
  /** Port of the pages. 0 takes a free one. */
  readonly pagePort: number;
  /** The program of the page, in one file. Called for each visitor. */
  readonly program: () => Promise<string>;
  /** A vehicle that is silent for so long is gone. @default 5000 */
  readonly silentMs?: number;
  readonly logger?: Logger;
}

export interface MapServer extends AsyncDisposable {
  /** The vehicles over TCP. */
  readonly connections: Server;
  /** The vehicles over UDP. */
  readonly datagrams: Server;
  readonly pages: Server;
}

export async function startMap(options: MapServerOptions): Promise<MapServer> {
  const { vehiclePort: port, program, silentMs = 5000, logger = stderrLogger('warn') } = options;
  const host = '127.0.0.1';
  const cluster = await Cluster.join({ app: 'vehicle-map', logger });
  const vehicles = stateGroup<Place>(cluster, 'vehicles');

  /** Over TCP, a vehicle is on the map as long as its connection lives; over UDP, for some time after each report. */
  const vehicle = (via: Place['via']) => {
    let own: string | undefined;
    return handler<{ reads: Report; passesOn: never }>({
      channelRead(ctx, { id, x, y }) {
        own ??= id;
        if (id !== own) throw new DecodeError('MESSAGE_INVALID', `${own} reports as ${id}`);
        const life = via === 'tcp' ? { channel: ctx.channel } : { ttlMs: silentMs };
        vehicles.set(id, { x, y, via }, life).catch((error) => ctx.fireExceptionCaught(error));
      },
    });
  };
  const page = handler<{ reads: Join; passesOn: never; writes: StateMessage<Place> }>({
    sharable: true,
    channelRead(ctx, { since }) {
      vehicles.join(ctx.channel, since).catch((error) => ctx.fireExceptionCaught(error));
    },
  });

  const server = () => new ServerBootstrap().options({ logger }).childOptions({ logger });
  const connections = await server()
    .childHandler(({ pipeline }) =>
      pipeline.addLast(
        ...jsonLines({ maxLength: 1000, failFast: true, schema: Report }),
        new IdleStateHandler({ readerIdleMs: silentMs }),
        new IdleCloseHandler(),
        new MessageRateHandler({ perSecond: 20 }),
        vehicle('tcp'),
      ),
    )
    .bind({ host, port });
  const datagrams = await server()
    .childHandler(({ pipeline }) =>
      pipeline.addLast(
        new JsonCodec({ schema: Report }),
        new MessageRateHandler({ perSecond: 20, excessPolicy: 'drop' }),
        vehicle('udp'),
      ),
    )
    .bind({ listener: perPeer({ host, port, idleMs: silentMs }) });

  const endpoint = new HttpEndpoint({
    request: async ({ url }, response) => {
      const path = requestPath(url);
      if (path === '/') response.setHeader('Content-Type', 'text/html; charset=utf-8').end(HTML);
      else if (path === '/page.js') {
        response.setHeader('Content-Type', 'text/javascript; charset=utf-8').end(await program());
      } else response.writeHead(404).end();
    },
    webSocketPath: '/map',
    webSocket: ({ pipeline }) =>
      pipeline.addLast(
        new HeartbeatHandler({ ...HEARTBEAT_PRESETS.relaxed, format: webSocketHeartbeat() }),
        new WebSocketJsonCodec<Join, StateMessage<Place>>({ schema: Join }),
        new MessageRateHandler({ perSecond: 1, burst: 3 }),
        page,
      ),
  });
  const pages = await server()
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host, port: options.pagePort });

  return {
    connections,
    datagrams,
    pages,
    async [Symbol.asyncDispose]() {
      await Promise.all([connections.close(), datagrams.close(), pages.close()]);
      await cluster.leave();
    },
  };
}

const HTML = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>Vehicle map</title>
  <link rel="icon" href="data:,">
  <style>
    body { margin: 0; font: 14px system-ui; background: #10171c; color: #e6f0f2 }
    canvas { display: block; width: 100vw; height: 100vh }
    output { position: fixed; top: .6rem; left: .8rem }
  </style>
  <canvas></canvas>
  <output></output>
  <script type="module" src="/page.js"></script>
</html>
`;
