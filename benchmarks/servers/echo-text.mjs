// The echo server of texts under test: node benchmarks/servers/echo-text.mjs PORT
import { StringCodec } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { frameHandlers } from './frames.mjs';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(...frameHandlers(), new StringCodec(), new EchoHandler()),
  )
  .bind({ port: Number(port), host, backlog: 1024 });
console.log('ready');
