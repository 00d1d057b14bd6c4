// A server that answers each call after a while, run as a process by calls.heavy.test.ts, which kills it. Before a
// function begins its work it notes the call's number in a file, which outlives the process.
import { openSync, writeSync } from 'node:fs';
import { lengthPrefixed } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';

const [path = '/dev/null', longestMs = '0', concurrency = '256'] = process.argv.slice(2);
const file = openSync(path, 'a');
const format = binaryExchange();
let aborted = 0;

const server = await new ServerBootstrap()
  .childHandler(({ pipeline }) =>
    pipeline.addLast(
      ...lengthPrefixed({ maxFrameLength: 1000 }),
      new ExchangeHandler({
        format,
        concurrency: Number(concurrency),
        handle: (body, { signal }) => {
          writeSync(file, `${body.readUInt32BE()}\n`);
          signal.addEventListener('abort', () => {
            aborted += 1;
            if (aborted === 10) console.log('ten were aborted');
          });
          const ms = Math.random() * Number(longestMs);
          return new Promise((resolve) => setTimeout(resolve, ms, Buffer.from(body)));
        },
      }),
    ),
  )
  .bind({ host: '127.0.0.1', port: 0 });
console.log(`listening ${server.port}`);
