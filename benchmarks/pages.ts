// Clients of ours in a page, as small as they can be, and how they are bundled.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';

const WEB_SOCKET = `import { WebSocketBootstrap } from '@headrace/websocket';`;

/** Programs of pages that use ours, by what they are. */
export const PAGES: Readonly<Record<string, string>> = {
  'Headrace: channel and pipeline': `${WEB_SOCKET}
new WebSocketBootstrap().handler(({ pipeline }) => pipeline.addLast({ channelRead() {} })).connect('/ws');`,
  'Headrace: the pipeline, all frame codecs': `${WEB_SOCKET}
import * as codec from '@headrace/codec';
const { FRAMES } = globalThis;
const frames = [codec.ContentLengthPrepender, codec.DelimiterFrameDecoder, codec.FixedLengthFrameDecoder,
  codec.JsonObjectDecoder, codec.LengthFieldFrameDecoder, codec.LengthFieldPrepender, codec.LineFrameDecoder,
  codec.VarintFrameDecoder, codec.VarintPrepender, codec.StringCodec];
new WebSocketBootstrap().handler(({ pipeline }) => pipeline.addLast(frames[FRAMES])).connect('/ws');`,
  'Headrace: reconnecting client': `${WEB_SOCKET}
import { ReconnectingClient } from '@headrace/client';
import { WebSocketTextCodec } from '@headrace/websocket';
new ReconnectingClient({ addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketTextCodec())) }).start();`,
  'Headrace: reconnecting client, JSON': `${WEB_SOCKET}
import { ReconnectingClient } from '@headrace/client';
import { WebSocketJsonCodec } from '@headrace/websocket';
new ReconnectingClient({ addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketJsonCodec(), { channelRead() {} })) }).start();`,
  'Headrace: reconnecting client, JSON, its place in a group': `${WEB_SOCKET}
import { LastPosition, ReconnectingClient } from '@headrace/client';
import { WebSocketJsonCodec } from '@headrace/websocket';
const last = new LastPosition();
const channelRead = (ctx, { joined, at }) => joined ? last.joined(joined) : last.take(at);
new ReconnectingClient({ addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketJsonCodec(), { channelRead })),
  ready: (channel) => channel.writeAndFlush({ since: last.begin() }) }).start();`,
  'Headrace: reconnecting client, JSON, the state of a group': `${WEB_SOCKET}
import { LiveState, ReconnectingClient } from '@headrace/client';
import { WebSocketJsonCodec } from '@headrace/websocket';
const live = new LiveState('prices');
const channelRead = (ctx, message) => live.take(message);
new ReconnectingClient({ addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketJsonCodec(), { channelRead })),
  ready: (channel) => channel.writeAndFlush({ since: live.begin() }) }).start();`,
  'Headrace: reconnecting client, JSON calls': `${WEB_SOCKET}
import { RequestClient } from '@headrace/client';
import { ExchangeCallHandler, jsonRpcExchange } from '@headrace/rpc';
import { WebSocketJsonCodec } from '@headrace/websocket';
const format = jsonRpcExchange();
new RequestClient({ client: { addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketJsonCodec(), new ExchangeCallHandler({ format }))) } })
  .request({ method: 'hello' });`,
  'Headrace: lasting channel, JSON calls': `${WEB_SOCKET}
import { LastingBootstrap } from '@headrace/lasting';
import { JsonCodec } from '@headrace/codec';
import { ExchangeCallHandler, jsonRpcExchange } from '@headrace/rpc';
import { WebSocketBinaryCodec } from '@headrace/websocket';
const format = jsonRpcExchange();
new LastingBootstrap({ addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketBinaryCodec())) })
  .handler(({ pipeline }) => pipeline.addLast(new JsonCodec(), new ExchangeCallHandler({ format }))).connect();`,
};

export type PageBundle = Pick<OutputChunk, 'code' | 'map'>;

/** The program as a page loads it, with the packages of a folder. */
export async function bundled(folder: string, program: string): Promise<PageBundle> {
  const input = join(folder, `page-${process.pid}.mjs`);
  writeFileSync(input, program);
  try {
    const build = await rolldown({
      input,
      platform: 'browser',
      onLog: (_level, { code, message }) => {
        if (code === 'UNRESOLVED_IMPORT') throw new Error(`${message}; npm run build comes first`);
      },
    });
    const { output } = await build.generate({ minify: true, sourcemap: 'hidden' });
    await build.close();
    return output[0];
  } finally {
    rmSync(input);
  }
}
