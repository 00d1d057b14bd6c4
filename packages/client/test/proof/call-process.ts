// A server that answers each call after a while, run as a process by killed-calls.heavy.test.ts, which kills it. Before
// it begins a call it notes its number in a file, which outlives the process. Reports its port.
import { openSync, writeSync } from 'node:fs';
import { lengthPrefixed } from '@headrace/codec';
import { ServerBootstrap, silentLogger } from '@headrace/core';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';

const [path = '/dev/null', port = '0', longestMs = '0'] = process.argv.slice(2);
const file = openSync(path, 'a');
const format = binaryExchange();

const server = await new ServerBootstrap()
  .options({ logger: silentLogger })
  .childOptions({ logger: silentLogger })
  .childHandler(({ pipeline }) =>
    pipeline.addLast(
      ...lengthPrefixed({ maxFrameLength: 1000 }),
      new ExchangeHandler({
        format,
        concurrency: 5000,
        handle: (body) => {
          writeSync(file, `${body.readUInt32BE()}\n`);
          const ms = Math.random() * Number(longestMs);
          return new Promise((resolve) => setTimeout(resolve, ms, Buffer.from(body)));
        },
      }),
    ),
  )
  .bind({ host: '127.0.0.1', port: Number(port) });
process.on('disconnect', () => process.exit());
process.send!(server.port);
