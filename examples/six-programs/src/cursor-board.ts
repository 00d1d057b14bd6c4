// A board on which each page sees the cursors of the others. `cursor-page.ts` is the page's half.
// Written from docs/guides/state-groups.md, pages.md and web-sockets.md.
import { Cluster } from '@headrace/cluster';
import { handler, type Logger, type Server, ServerBootstrap, stderrLogger } from '@headrace/core';
import { type StateMessage, stateGroup } from '@headrace/durable';
import { ConnectionLimitHandler, HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
import { HttpEndpoint, WebSocketJsonCodec, webSocketHeartbeat } from '@headrace/websocket';
import { z } from 'zod';

export const Cursor = z.object({ x: z.number(), y: z.number(), color: z.string().max(32) });
export type Cursor = z.infer<typeof Cursor>;

/** The first message of a connection joins the board, and each later one moves the cursor. */
export const FromPage = z.union([
  z.object({
    name: z.string().min(1).max(32),
    since: z.object({ epoch: z.string(), offset: z.number() }).optional(),
  }),
  z.object({ cursor: Cursor }),
]);
export type FromPage = z.infer<typeof FromPage>;
export type ToPage = StateMessage<Cursor>;

export interface Board {
  readonly server: Server;
  close(): Promise<void>;
}

export async function startBoard(
  port = 0,
  html = '',
  logger: Logger = stderrLogger(),
): Promise<Board> {
  const cluster = await Cluster.join({ app: 'board' });
  const cursors = stateGroup<Cursor>(cluster, 'cursors', { maxKeys: 1000 });
  /** The connections of each name: two tabs of one person have one cursor. */
  const open = new Map<string, number>();

  const member = () => {
    let name: string | undefined;
    return handler<{ reads: FromPage; passesOn: never; writes: ToPage }>({
      channelRead(ctx, message) {
        const failed = (error: Error): void => ctx.fireExceptionCaught(error);
        if ('name' in message && name === undefined) {
          name = message.name;
          open.set(name, (open.get(name) ?? 0) + 1);
          cursors.join(ctx.channel, message.since).catch(failed);
        } else if ('cursor' in message && name !== undefined) {
          cursors.set(name, message.cursor).catch(failed);
        } else ctx.close('protocol');
      },
      channelInactive(ctx) {
        if (name !== undefined) {
          const left = open.get(name)! - 1;
          open.set(name, left);
          if (left === 0 && open.delete(name)) cursors.delete(name).catch(() => {});
        }
        ctx.fireChannelInactive();
      },
    });
  };
  const endpoint = new HttpEndpoint({
    request: (_request, response) =>
      response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html),
    webSocketPath: '/ws',
    webSocket: ({ pipeline }) =>
      pipeline.addLast(
        new HeartbeatHandler({ ...HEARTBEAT_PRESETS.relaxed, format: webSocketHeartbeat() }),
        new WebSocketJsonCodec<FromPage, ToPage>({ schema: FromPage }),
        member(),
      ),
  });
  const server = await new ServerBootstrap()
    .handler(({ pipeline }) => pipeline.addLast(new ConnectionLimitHandler({ total: 1000 })))
    .childOptions({ logger })
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port });
  return { server, close: () => cluster.leave({ servers: [server] }) };
}
