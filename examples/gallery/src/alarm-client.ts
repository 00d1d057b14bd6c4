// A client that sends `keepalive` every 10 s and comes back, and a server where somebody types the answers.
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import {
  fixed,
  ReconnectingClient,
  type ReconnectingClientOptions,
  RetryBudget,
} from '@headrace/client';
import { type ByteInput, ByteToMessageDecoder, StreamingStringDecoder } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  handler,
  ServerBootstrap,
  type Timer,
} from '@headrace/core';
import { bytesHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import { endsBySignal, listening, type System, shown } from './start.ts';

type Options = Omit<ReconnectingClientOptions, 'bootstrap'>;
const KEEPALIVE = Buffer.from('keepalive');
const format = bytesHeartbeat({ ping: KEEPALIVE, pong: false });

/** Each read is a message, without frames; only a keepalive is cut off where it is glued to a text. */
class ReadDecoder extends ByteToMessageDecoder<Buffer> {
  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    const bytes = input.peek(4096);
    if (bytes.indexOf(KEEPALIVE) === 0) return input.take(KEEPALIVE.length);
    if (KEEPALIVE.indexOf(bytes) === 0) return undefined;
    return input.take(bytes.indexOf(`\n${KEEPALIVE}`) + 1 || bytes.length);
  }
}

type Texts = { reads: string; passesOn: never };

/** The lines are the answers: the text that waits longest gets the next one. */
export function buildServer(everyMs: number, lines: AsyncIterable<string>): ServerBootstrap {
  let waiting: Channel[] = [];
  const asked = new EventEmitter();
  const answer = async (): Promise<void> => {
    for await (const line of lines) {
      while (waiting.length === 0) await once(asked, 'text');
      waiting.shift()!.writeAndFlush(Buffer.from(`${line}\n`));
    }
  };
  void answer();
  return new ServerBootstrap().childHandler((channel) => {
    channel.onClosed(() => {
      waiting = waiting.filter((asker) => asker !== channel);
      console.log('Client disconnected');
    });
    const printer = handler<Texts>({
      channelRead(_ctx, text) {
        console.log(`Recv msg from client: ${shown(text)}`);
        console.log('send msg to Client:');
        waiting.push(channel);
        if (waiting.filter((one) => one === channel).length > 100) channel.close('limit');
        asked.emit('text');
      },
    });
    const heartbeat = new HeartbeatHandler({ format, silenceMs: 2.5 * everyMs });
    channel.pipeline.addLast(new ReadDecoder(), heartbeat, new StreamingStringDecoder(), printer);
  });
}

/** Asks for lines, prints the answers. While one is missing for too long, the connection ends, and the client reconnects. */
function asker(answerMs: number) {
  let open = 0;
  let deadline: Timer | undefined;
  const prompt = () => console.log('send msg to server:');
  const restart = ({ clock, channel }: Context) => {
    deadline?.cancel();
    if (open > 0) deadline = clock.schedule(() => void channel.close('timeout'), answerMs);
  };
  return handler<Texts & { writes: Buffer }>({
    channelActive: prompt,
    channelInactive: () => deadline?.cancel(),
    channelRead(ctx, text) {
      // One read may bring several answers.
      open = Math.max(0, open - (text.split('\n').length - 1));
      restart(ctx);
      console.log(`recv msg from server: ${shown(text)}`);
      prompt();
    },
    write(ctx, line) {
      open += 1;
      if (open === 1) restart(ctx);
      return ctx.write(line);
    },
  });
}

export function startClient(base: Bootstrap, intervalMs: number, options: Options) {
  let [alarms, tries] = [0, 0];
  const ping = (): Buffer => {
    console.log(`Get a SIGALRM, ${++alarms} counts!`);
    return KEEPALIVE;
  };
  const always = { format: { ...format, ping }, intervalMs, onlyWhenQuiet: false, jitter: 0 };
  const bootstrap = base.handler(({ pipeline }) => {
    const heartbeat = new HeartbeatHandler(always);
    pipeline.addLast(heartbeat, new StreamingStringDecoder(), asker(6 * intervalMs));
  });
  // Each success gives five fresh tries; a server that ends each connection at once gets one in 3 s after ten.
  const budget = new RetryBudget({ perSecond: 1 / 3, burst: 10 });
  let wasConnected = false;
  // Only a connection that is lost is opened again.
  const again = { shouldRetry: () => wasConnected, ...options };
  const client = new ReconnectingClient({ bootstrap, stableMs: 0, budget, ...again });
  client.on('state', (state) => {
    if (state.name === 'connecting' && tries++ > 0) console.log('------Reconnect ...-----');
    if (state.name === 'online') wasConnected = true;
    if (state.name !== 'closed' || state.reason !== 'given-up') return;
    if (wasConnected) console.log('The reconnect failed!!!');
    else console.error(`connect: ${state.error?.message}`);
    process.exit(1);
  });
  void client.start();
  return client;
}

export const system: System = {
  what: 'a client with a keepalive every 10 s and five tries after a loss (C)',
  defaults: { port: 6666, intervalMs: 10_000, attempts: 5 },
  roles: {
    async server({ host, port, intervalMs }) {
      const bootstrap = buildServer(intervalMs, createInterface({ input: process.stdin }));
      listening(await bootstrap.bind({ host, port, backlog: 10 }), host);
      console.log("====Waiting for client's request=======");
    },
    async client({ host, port, intervalMs, attempts }) {
      const options = { addresses: [{ host, port }], retry: fixed(3000, { attempts }) };
      const client = startClient(new Bootstrap(), intervalMs, options);
      endsBySignal(() => client.close());
      for await (const line of createInterface({ input: process.stdin })) {
        if (line !== 'exit') {
          client.writeAndFlush(Buffer.from(`${line}\n`));
          continue;
        }
        await client.close();
        console.log('The socket is free....');
        process.exit();
      }
    },
  },
  peers: { server: 'alarm-client.c', client: 'alarm-client.c' },
};
