// A server that answers each line after a while, run as a process by drain.heavy.test.ts. The first SIGTERM
// drains it, the second one ends the waiting.
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { RequestHandler } from '@headrace/handlers';

const [expected = '0', longestMs = '0', drainTimeoutMs = '20000'] = process.argv.slice(2);
const ANSWER = 'x'.repeat(4000);
let requests = 0;

const server = await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(
      new LineFrameDecoder(),
      new StringCodec({ delimiter: '\n' }),
      new RequestHandler<string, string>({
        handle: (request) => {
          requests += 1;
          if (requests === Number(expected)) console.log('all requests are here');
          const ms = Math.random() * Number(longestMs);
          return new Promise((resolve) => setTimeout(resolve, ms, `${request}:${ANSWER}`));
        },
      }),
    ),
  )
  .bind({ host: '127.0.0.1', port: 0, backlog: 4096 });
console.log(`listening ${server.port}`);

const forced = new AbortController();
process.once('SIGTERM', () => {
  process.once('SIGTERM', () => forced.abort());
  const options = { drainTimeoutMs: Number(drainTimeoutMs), batch: 1000, everyMs: 200 };
  const drained = server.shutdown({ ...options, signal: forced.signal });
  // Not earlier: the test that reads this line relies on the port being closed.
  console.log('draining');
  void drained.then(() => process.exit(forced.signal.aborted ? 1 : 0));
});
