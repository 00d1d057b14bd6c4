// The relay under test, from the built packages: node benchmarks/servers/relay.mjs PORT HOST PORT_OF_THE_TARGET
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { ForwardHandler } from '@headrace/handlers';

const [port, host = '127.0.0.1', target] = process.argv.slice(2);
const options = { allowHalfOpen: true };
const to = { host, port: Number(target) };
await new ServerBootstrap()
  .childOptions(options)
  .childHandler((channel) =>
    channel.pipeline.addLast(
      new ForwardHandler({
        connect: ({ install }) => new Bootstrap().options(options).handler(install).connect(to),
      }),
    ),
  )
  .bind({ port: Number(port), host, backlog: 1024 });
console.log('ready');
