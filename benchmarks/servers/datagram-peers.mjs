// A channel for each peer of a socket for datagrams, from the built packages: node benchmarks/servers/datagram-peers.mjs PORT [HOST]
import { StringCodec } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { perPeer } from '@headrace/datagram';
import { EchoHandler, IdleStateHandler } from '@headrace/handlers';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(
      new IdleStateHandler({ readerIdleMs: 600_000 }),
      new StringCodec(),
      new EchoHandler(),
    ),
  )
  .bind({ listener: perPeer({ port: Number(port), host, idleMs: 600_000 }) });
console.log('ready');
