// Three clients that try again every second, and a server for all at once. No frames: what a read brings is a message.
import { fixed, ReconnectingClient, requestOnce } from '@headrace/client';
import * as codec from '@headrace/codec';
import * as core from '@headrace/core';
import * as handlers from '@headrace/handlers';
import * as calls from '@headrace/rpc';
import { endsBySignal, listening, type System, shown } from './start.ts';

export type Print = (line: string) => void;
export type Options = { readonly clock: core.Clock; readonly logger?: core.Logger };
const USUAL: Options = { clock: core.systemClock };
const HEARTBEAT = Buffer.from('heartbeat');

/** Messages of at most 1024 bytes, as the original reads; heartbeats one by one, glued or cut in two. */
class ReadDecoder extends codec.ByteToMessageDecoder<Buffer> {
  protected override decode(_ctx: core.Context, input: codec.ByteInput): Buffer | undefined {
    const bytes = input.peek(1024);
    const at = bytes.indexOf(HEARTBEAT);
    if (at >= 0) return input.take(at === 0 ? HEARTBEAT.length : at); // what stands before it first
    return HEARTBEAT.indexOf(bytes) === 0 ? undefined : input.take(bytes.length); // half of one waits
  }
}

/** Echoes all but heartbeats, which get no answer; who is silent for ten of them is gone. */
export function startServer(place: core.BindOptions, ms: number, print: Print, options = USUAL) {
  const bootstrap = new core.ServerBootstrap().childOptions(options).childHandler((channel) => {
    const from = channel.remoteAddress!;
    print(`Connected by ${'port' in from ? `('${from.host}', ${from.port})` : from.path}`);
    const reply = (text: string) => {
      print(`Received ${shown(text)}`);
      return text === String(HEARTBEAT) ? undefined : text;
    };
    channel.pipeline.addLast(
      new handlers.ReadTimeoutHandler({ timeoutMs: 10 * ms }),
      new ReadDecoder(),
      new codec.StreamingStringDecoder(),
      new codec.StringEncoder(),
      new handlers.EchoHandler({ reply }),
    );
  });
  return bootstrap.bind(place);
}

/** Connects every interval until it works, and again after each loss; beats at once and every interval. */
export function heartbeat(place: core.ConnectPlace, ms: number, print: Print, options = USUAL) {
  const format = handlers.bytesHeartbeat({ ping: HEARTBEAT, pong: false });
  const beats = { format, intervalMs: ms, immediately: true, onlyWhenQuiet: false, jitter: 0 };
  const bootstrap = new core.Bootstrap()
    .options(options)
    .handler(({ pipeline }) => pipeline.addLast(new handlers.HeartbeatHandler(beats)));
  const places = { addresses: [place], retry: fixed(ms) };
  const client = new ReconnectingClient({ bootstrap, ...places, ...options });
  client.on('state', ({ name }) => name === 'online' && print('Connected to server'));
  void client.start();
  return () => client.close();
}

export async function once(place: core.ConnectPlace, print: Print, options = USUAL): Promise<void> {
  // One call for each connection: its id need not travel, it is 1.
  const format: calls.ExchangeFormat<calls.BinaryExchange> = {
    ...calls.binaryExchange(),
    read: (answer, sink) => sink.response(1, answer),
    request: (_id, text) => text,
  };
  const bootstrap = new core.Bootstrap()
    .options(options)
    .handler(({ pipeline }) => pipeline.addLast(new calls.ExchangeHandler({ format })));
  print(`Received ${await requestOnce(place, Buffer.from('Hello, world!'), { bootstrap })}`);
}

/** One exchange after the other, an interval apart, whether they succeed or not. */
export async function repeat(place: core.ConnectPlace, ms: number, print: Print, options = USUAL) {
  const failed = () => print(`Failed to connect to server, retrying in ${ms / 1000} second`);
  for (;;) {
    await once(place, print, options).catch(failed);
    await new Promise<void>((done) => options.clock.schedule(done, ms, true));
  }
}

export const system: System = {
  what: 'clients that try again every second, for one exchange, heartbeats, or exchanges for good',
  defaults: { port: 8888, intervalMs: 1000 },
  roles: {
    server: async ({ host, port, intervalMs }) =>
      listening(await startServer({ host, port, backlog: 5 }, intervalMs, console.log), host),
    once: ({ host, port }) => once({ host, port }, console.log),
    heartbeat: ({ host, port, intervalMs }) =>
      endsBySignal(heartbeat({ host, port }, intervalMs, console.log)),
    repeat: ({ host, port, intervalMs }) => {
      endsBySignal(() => {});
      return repeat({ host, port }, intervalMs, console.log);
    },
  },
  peers: {
    server: 'retry-every-second.py',
    once: 'RetryEverySecond.java',
    heartbeat: 'retry-every-second.cpp',
    repeat: 'RetryEverySecond.java',
  },
};
