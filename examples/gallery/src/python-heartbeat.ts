// Clients that say every 50 s that they live, in JSON without frames; the server prints who lives and who has gone.
import { ReconnectingClient } from '@headrace/client';
import {
  JsonDecoder,
  JsonEncoder,
  JsonObjectDecoder,
  type StandardSchema,
  StreamingStringDecoder,
  StringEncoder,
} from '@headrace/codec';
import {
  type Address,
  type BindOptions,
  Bootstrap,
  type ChannelOptions,
  type ConnectPlace,
  handler,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { HeartbeatHandler, messageHeartbeat } from '@headrace/handlers';
import { endsBySignal, listening, type System } from './start.ts';

/** Another clock and another log, for tests. */
type Own = Pick<ChannelOptions, 'clock' | 'logger'>;
type Status = { readonly ip: string; readonly status: string; readonly pid: number };

const isWord = (value: unknown): boolean =>
  typeof value === 'string' && /^[^\p{Cc}]{1,64}$/u.test(value);

function isStatus(value: unknown): value is Status {
  const { ip, status, pid } = value as Partial<Status>;
  return isWord(ip) && isWord(status) && Number.isSafeInteger(pid);
}

const validate = (value: unknown) =>
  isStatus(value) ? { value } : { issues: [{ message: 'ip, status or pid is missing' }] };
/** What is printed must not be whatever a stranger sends. */
const STATUS: StandardSchema<unknown, Status> = {
  '~standard': { version: 1, vendor: 'gallery', validate },
};

const hostOf = (address: Address): string => ('host' in address ? address.host : address.path);

export function startServer(place: BindOptions, everyMs: number, own: Own = {}): Promise<Server> {
  const bootstrap = new ServerBootstrap().childOptions(own).childHandler((channel) => {
    const from = channel.remoteAddress!;
    let lastIp = hostOf(from);
    console.log(`Connected with ${lastIp}: ${'port' in from ? from.port : ''}`.trimEnd());
    channel.onClosed(() => console.log(`One Client (IP: ${lastIp}) Connected over!`));
    channel.pipeline.addLast(
      new JsonObjectDecoder({ maxObjectLength: 4096 }),
      new JsonDecoder({ schema: STATUS }),
      new StringEncoder(),
      new HeartbeatHandler<Status, string>({ silenceMs: 2.5 * everyMs }),
      handler<{ reads: Status; passesOn: never; writes: string }>({
        channelActive: (ctx) => void ctx.writeAndFlush('Welcome to the server!'),
        channelRead(_ctx, { ip, status, pid }) {
          lastIp = ip;
          console.log(`ip: ${ip} |status: ${status} |pid: ${pid}`);
        },
      }),
    );
  });
  return bootstrap.bind(place);
}

const printer = handler<{ reads: string; passesOn: never }>({
  sharable: true,
  channelRead: (_ctx, text) => console.log(text),
});

export function startClient(place: ConnectPlace, everyMs: number, own: Own = {}) {
  const bootstrap = new Bootstrap().options(own).handler((channel) => {
    const format = messageHeartbeat<string, Status>({
      ping() {
        console.log(`I - ${process.pid} - am alive.`);
        return { ip: hostOf(channel.localAddress!), status: 'alive', pid: process.pid };
      },
      isPing: () => false,
    });
    const steadily = { immediately: true, onlyWhenQuiet: false, jitter: 0 };
    const heartbeat = new HeartbeatHandler({ format, intervalMs: everyMs, ...steadily });
    channel.pipeline.addLast(new StreamingStringDecoder(), new JsonEncoder(), heartbeat, printer);
  });
  const client = new ReconnectingClient({ bootstrap, addresses: [place], ...own });
  client.on('state', (state) => {
    if (state.name !== 'waiting' || state.loss.during !== 'connecting') return;
    console.log(`connected to server error: ${state.loss.error.message}`);
  });
  void client.start();
  return client;
}

export const system: System = {
  what: 'clients say every 50 s that they live, in JSON without frames (Python)',
  defaults: { port: 7878, intervalMs: 50_000 },
  roles: {
    server: async ({ host, port, intervalMs }) =>
      listening(await startServer({ host, port, backlog: 10 }, intervalMs), host),
    client({ host, port, intervalMs }) {
      const client = startClient({ host, port }, intervalMs);
      endsBySignal(() => client.close());
    },
  },
  peers: { server: 'python-heartbeat.py', client: 'python-heartbeat.py' },
};
