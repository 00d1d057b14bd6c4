// Jobs that report their progress, over TCP between programs and over a WebSocket to a page. A job whose caller is gone ends.
// Written from docs/guides/services.md, calls.md and web-sockets.md.
import { RequestClient } from '@headrace/client';
import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import {
  call,
  clientOf,
  defineService,
  ExchangeHandler,
  type JsonRpcExchange,
  jsonRpcExchange,
  serve,
  stream,
} from '@headrace/rpc';
import { HttpEndpoint, WebSocketBootstrap, WebSocketJsonCodec } from '@headrace/websocket';
import { z } from 'zod';

const Progress = z.object({ done: z.number(), of: z.number(), result: z.string().optional() });
export type Progress = z.infer<typeof Progress>;

/** Both ends import this. */
export const jobs = defineService(
  'jobs',
  {
    convert: stream(z.object({ name: z.string(), parts: z.number().int().min(1) }), Progress),
    sum: call(z.object({}), z.object({ total: z.number() }), { items: z.number() }),
  },
  { errors: { NO_SUCH_FILE: 1 } },
);

/** Converts one part of a file. */
export type Work = (name: string, part: number, signal: AbortSignal) => Promise<void>;

const format = jsonRpcExchange();
const frames = () =>
  [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;

/** Answers both ways in on one port each: `tcp` for programs, `web` for pages. */
export async function startJobs(work: Work, ports = { tcp: 0, web: 0 }) {
  const handle = serve(jobs, {
    async *convert({ name, parts }, { signal }) {
      if (name === '') throw jobs.error('NO_SUCH_FILE', 'a file has a name');
      for (let done = 1; done <= parts; done += 1) {
        await work(name, done, signal);
        yield { done, of: parts, ...(done === parts && { result: `${name}.pdf` }) };
      }
    },
    async sum(_input, { items }) {
      let total = 0;
      for await (const item of items) total += item;
      return { total };
    },
  });
  const host = '127.0.0.1';
  const endpoint = new HttpEndpoint({
    webSocketPath: '/ws',
    webSocket: ({ pipeline }) =>
      pipeline.addLast(new WebSocketJsonCodec(), new ExchangeHandler({ format, handle })),
  });
  const [tcp, web] = await Promise.all([
    new ServerBootstrap()
      .childHandler(({ pipeline }) =>
        pipeline.addLast(...frames(), new ExchangeHandler({ format, handle })),
      )
      .bind({ host, port: ports.tcp }),
    new ServerBootstrap()
      .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
      .bind({ host, port: ports.web }),
  ]);
  return { tcp, web, close: () => Promise.all([tcp.shutdown(), web.shutdown()]) };
}

/** A client that comes back: of a program, or with an address like `ws://HOST:PORT/ws` of a page. */
export function jobsClient(address: { readonly host: string; readonly port: number } | string) {
  const exchange = () => new ExchangeHandler({ format });
  const client = new RequestClient<JsonRpcExchange>({
    client:
      typeof address === 'string'
        ? {
            bootstrap: new WebSocketBootstrap().handler(({ pipeline }) =>
              pipeline.addLast(new WebSocketJsonCodec(), exchange()),
            ),
            addresses: [address],
          }
        : {
            bootstrap: new Bootstrap().handler(({ pipeline }) =>
              pipeline.addLast(...frames(), exchange()),
            ),
            addresses: [address],
          },
  });
  void client.start();
  return { api: clientOf(jobs, client), close: () => client.close() };
}
