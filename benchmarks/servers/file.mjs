// Sends a file to each connection: node benchmarks/servers/file.mjs PORT HOST PATH [COUNT [FOLDER_OF_KEY_AND_CERT]]
import { readFileSync } from 'node:fs';
import { ServerBootstrap } from '@headrace/core';
import { FileRegion, StreamWriteHandler } from '@headrace/handlers';

const [port, host = '127.0.0.1', path, count = 'all', folder] = process.argv.slice(2);
const part = count === 'all' ? {} : { count: Number(count) };
const tls = folder && {
  key: readFileSync(`${folder}/key.pem`),
  cert: readFileSync(`${folder}/cert.pem`),
};
await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(new StreamWriteHandler(), {
      channelActive: (ctx) =>
        ctx.writeAndFlush(new FileRegion(path, part)).onSettled(() => ctx.channel.end()),
    }),
  )
  .bind({ port: Number(port), host, ...(tls && { tls }) });
console.log('ready');
