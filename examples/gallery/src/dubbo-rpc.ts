// Calls over one long connection in Dubbo's form: a head of 16 bytes, lines of JSON behind it, heartbeats below.
import { createInterface } from 'node:readline';
import { fixed, RequestClient } from '@headrace/client';
import { LengthFieldFrameDecoder } from '@headrace/codec';
import * as core from '@headrace/core';
import * as handlers from '@headrace/handlers';
import * as calls from '@headrace/rpc';
import { endsBySignal, listening, type System, shown } from './start.ts';

type Lines = unknown[];
type Rpc = calls.ExchangeTypes & { reads: Buffer; writes: Buffer; call: Lines; request: Lines };
const USUAL: { clock: core.Clock; logger?: core.Logger } = { clock: core.systemClock };
const MAX_BODY = 8 * 1024 * 1024;
const LIMITS = { maxInFlight: 10_000, maxQueued: 10_000, concurrency: 10_000 };
/** The first three bytes: da bb, then the sum of 80 request, 40 two-way, 20 event, and 6 lines of JSON. */
const [CALL, ONE_WAY, ANSWER] = [0xdabbc6, 0xdabb86, 0xdabb06];
const [PING, PONG] = [0xdabbe6, 0xdabb26];
export const HELLO = ['2.0.2', 'demo.DemoService', '0.0.0', 'sayHello', 'Ljava/lang/String;'];

export function frame(kind: number, status: number, id: bigint, ...lines: Lines): Buffer {
  const body = Buffer.from(lines.map((line) => JSON.stringify(line ?? null)).join('\n'));
  if (body.length > MAX_BODY) throw new core.EncodeError('MESSAGE_TOO_LONG', 'over 8 MiB');
  const head = Buffer.alloc(16);
  head.writeUIntBE(kind * 256 + status, 0, 4);
  head.writeBigUInt64BE(id, 4);
  head.writeUInt32BE(body.length, 12);
  return Buffer.concat([head, body]);
}

/** Dubbo's attachments are texts; this program's own has a number. */
const timeIn = (of: unknown) =>
  Number(/^"?(\d+)/.exec(JSON.stringify(Object(of).timeout))?.[1]) || Infinity;
/** A call is: version, service, its version, method, types, arguments; attachments follow on the wire. */
export const FORMAT: calls.ExchangeFormat<Rpc> = {
  codes: { failed: 70, 'too-late': 31, overloaded: 100, unknown: 60, cancelled: 30, lost: 70 },
  read(message, sink) {
    const [kind, status, id] = [message.readUIntBE(0, 3), message[3]!, message.readBigUInt64BE(4)];
    if (kind >> 8 !== 0xdabb) throw new core.DecodeError('MESSAGE_INVALID', 'no da bb in front');
    let lines: Lines = [];
    try {
      lines = JSON.parse(`[${message.toString('utf8', 16).trimEnd().replaceAll('\n', ',')}]`);
    } catch {} // an empty list is neither a call nor an answer
    if (kind === ANSWER && status === 20 && lines[0]) sink.response(Number(id), lines[1]);
    else if (kind === ANSWER) sink.refusal(Number(id), status, String(lines.at(-1)));
    else if (kind === CALL && lines.length > 5)
      sink.request(String(id), lines, timeIn(lines.pop()));
    else if (kind === ONE_WAY && lines.length > 5) sink.notification(lines.slice(0, -1));
    else if (kind === PING) sink.reply(frame(PONG, 20, id, null));
    else if ((kind & 0xe0) === 0xc0) sink.reply(frame(ANSWER, 40, id, 'no call in lines of JSON'));
  },
  request: (id, call, timeout) => frame(CALL, 0, BigInt(id), ...call, { timeout }),
  notification: (call) => frame(ONE_WAY, 0, 0n, ...call, {}),
  response: (id, answer) => frame(ANSWER, 20, BigInt(id), 1, answer),
  error: (id, code, text) => frame(ANSWER, code, BigInt(id), text),
};
const BEATS = { ping: frame(PING, 0, 0n, null), pong: frame(PONG, 20, 0n, null) };
function rpc(ms: number, more: Pick<calls.ExchangeOptions<Rpc>, 'handle'> = {}) {
  const head = { lengthFieldOffset: 12, lengthFieldLength: 4 } as const;
  const beats = { intervalMs: ms, timeoutMs: ms, maxMissed: 3, jitter: 0 };
  return [
    new LengthFieldFrameDecoder({ maxFrameLength: 16 + MAX_BODY, ...head }),
    new handlers.HeartbeatHandler({ format: handlers.bytesHeartbeat(BEATS), ...beats }),
    new handlers.ReadWhenWritable(),
    new calls.ExchangeHandler({ format: FORMAT, ...LIMITS, ...more }),
  ] as const;
}

export function startServer(at: core.BindOptions, ms: number, log = console.log, options = USUAL) {
  const handle = async ([, service, , method, , name, afterMs = 0]: Lines) => {
    if (service !== HELLO[1] || method !== HELLO[3]) throw calls.refusal(60, `no ${service}`);
    log(`Hello ${shown(name)}`);
    await new Promise<void>((done) => options.clock.schedule(done, Number(afterMs) % 10_000, true));
    return `Hello ${name}`;
  };
  const bootstrap = new core.ServerBootstrap().childOptions(options);
  return bootstrap.childHandler((c) => c.pipeline.addLast(...rpc(ms, { handle }))).bind(at);
}

export function startClient(addresses: core.ConnectPlace[], ms: number, options = USUAL) {
  const bootstrap = new core.Bootstrap().handler((c) => c.pipeline.addLast(...rpc(ms)));
  bootstrap.options(options);
  const client = { bootstrap, addresses, retry: fixed(1000), ...options };
  return new RequestClient<Rpc>({ client, timeoutMs: 5000, maxWaiting: 10_000 });
}

export const system: System = {
  what: 'calls over one connection, with the head and the heartbeats of Dubbo',
  defaults: { port: 20_880, intervalMs: 60_000 },
  roles: {
    server: async ({ host, port, intervalMs }) =>
      listening(await startServer({ host, port }, intervalMs), host),
    client: ({ host, port, intervalMs }) => {
      const client = startClient([{ host, port }], intervalMs);
      endsBySignal(() => client.close());
      client.start().catch(() => {});
      const say = async (name: string) =>
        console.log(await client.request([...HELLO, name]).catch(String));
      createInterface({ input: process.stdin }).on('line', say);
      return say('world');
    },
  },
  peers: { server: 'dubbo-rpc.py', client: 'dubbo-rpc.py' },
};
