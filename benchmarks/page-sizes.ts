// How much a page loads: clients of ours as they are built, and others, bundled alike. `npm run build` before; an argument
// is a folder with the others: npm install --prefix FOLDER socket.io-client centrifuge phoenix sockjs-client
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const WEB_SOCKET = `import { WebSocketBootstrap } from '@headrace/websocket';`;

const OURS: Readonly<Record<string, string>> = {
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
  'Headrace: reconnecting client, JSON calls': `${WEB_SOCKET}
import { RequestClient } from '@headrace/client';
import { ExchangeHandler, jsonRpcExchange } from '@headrace/handlers';
import { WebSocketJsonCodec } from '@headrace/websocket';
const format = jsonRpcExchange();
new RequestClient({ client: { addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketJsonCodec(), new ExchangeHandler({ format }))) } })
  .request({ method: 'hello' });`,
  'Headrace: lasting channel, JSON calls': `${WEB_SOCKET}
import { LastingBootstrap } from '@headrace/lasting';
import { JsonCodec } from '@headrace/codec';
import { ExchangeHandler, jsonRpcExchange } from '@headrace/handlers';
import { WebSocketBinaryCodec } from '@headrace/websocket';
const format = jsonRpcExchange();
new LastingBootstrap({ addresses: ['/ws'], bootstrap: new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketBinaryCodec())) })
  .handler(({ pipeline }) => pipeline.addLast(new JsonCodec(), new ExchangeHandler({ format }))).connect();`,
};

const OTHERS: Readonly<Record<string, string>> = {
  'socket.io-client': `import { io } from 'socket.io-client'; io().emitWithAck('hello');`,
  centrifuge: `import { Centrifuge } from 'centrifuge'; new Centrifuge('/ws').rpc('hello', {});`,
  phoenix: `import { Socket } from 'phoenix'; new Socket('/ws').channel('room').join();`,
  'sockjs-client': `import SockJS from 'sockjs-client'; new SockJS('/ws').send('hello');`,
};

async function bundled(folder: string, program: string): Promise<string> {
  const input = join(folder, `page-${process.pid}.mjs`);
  writeFileSync(input, program);
  try {
    const build = await rolldown({
      input,
      platform: 'browser',
      logLevel: 'silent',
    });
    const { output } = await build.generate({ minify: true });
    await build.close();
    return output[0].code;
  } finally {
    rmSync(input);
  }
}

function row(name: string, code: string): string {
  const bytes = Buffer.from(code);
  const sizes = [bytes, gzipSync(bytes, { level: 9 }), brotliCompressSync(bytes)];
  return `| ${name} | ${sizes.map(({ length }) => `${(length / 1000).toFixed(1)} kB`).join(' | ')} |`;
}

function versionOf(folder: string, name: string): string {
  const file = join(folder, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** A project that has our packages as npm would install them. */
function ownProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-page-'));
  const scope = join(folder, 'node_modules', '@headrace');
  mkdirSync(scope, { recursive: true });
  for (const name of ['client', 'codec', 'core', 'handlers', 'lasting', 'websocket']) {
    symlinkSync(fileURLToPath(new URL(`../packages/${name}`, import.meta.url)), join(scope, name));
  }
  return folder;
}

const own = ownProject();
console.log('| | minified | gzip | brotli |\n| --- | --- | --- | --- |');
for (const [name, program] of Object.entries(OURS)) {
  console.log(row(name, await bundled(own, program)));
}
rmSync(own, { recursive: true });
const [, , folder] = process.argv;
if (folder !== undefined) {
  for (const [name, program] of Object.entries(OTHERS)) {
    console.log(row(`${name} ${versionOf(folder, name)}`, await bundled(folder, program)));
  }
}
