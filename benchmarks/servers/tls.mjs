// The echo server under test behind TLS: node benchmarks/servers/tls.mjs PORT HOST FOLDER_OF_KEY_AND_CERT
import { readFileSync } from 'node:fs';
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { EchoHandler, IdleStateHandler } from '@headrace/handlers';

const [port, host = '127.0.0.1', folder = '.'] = process.argv.slice(2);
const key = readFileSync(`${folder}/key.pem`);
const cert = readFileSync(`${folder}/cert.pem`);
await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(
      new IdleStateHandler({ readerIdleMs: 60_000 }),
      new LengthFieldFrameDecoder({
        maxFrameLength: 1 << 20,
        lengthFieldLength: 4,
        initialBytesToStrip: 4,
      }),
      new LengthFieldPrepender({ lengthFieldLength: 4 }),
      new EchoHandler(),
    ),
  )
  .bind({ port: Number(port), host, tls: { key, cert } });
console.log('ready');
