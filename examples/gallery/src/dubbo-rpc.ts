// Calls over one long connection in Dubbo's form: a head of 16 bytes, hessian2 or lines of JSON, heartbeats below.
import { createRequire } from 'node:module';
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
/** The flags of a head; the low five bits are the serialization of the body. */
const [REQUEST, TWO_WAY, EVENT, SERIALIZATION] = [0x80, 0x40, 0x20, 0x1f];
const [HESSIAN2, JSON_LINES] = [2, 6];
/** Types of arguments that hessian2 makes of one byte take much memory. */
const MAX_HESSIAN2 = 1024 * 1024;
export const HELLO = ['2.0.2', 'demo.DemoService', '0.0.0', 'sayHello', 'Ljava/lang/String;'];

interface Hessian {
  readonly DecoderV2: new (body: Buffer) => { read(): unknown; position(): number };
  readonly EncoderV2: new (options: object) => { write(value: unknown): void; get(): Uint8Array };
}
const hessian = ((): Hessian | undefined => {
  try {
    return createRequire(import.meta.url)('hessian.js');
  } catch {
    return undefined; // calls in hessian2 are refused
  }
})();

/** The values of a body. @throws Error if the body is not valid */
function valuesIn(body: Buffer, serialization: number): Lines {
  if (serialization === JSON_LINES)
    return JSON.parse(`[${body.toString().trimEnd().replaceAll('\n', ',')}]`);
  if (serialization !== HESSIAN2 || hessian === undefined || body.length > MAX_HESSIAN2) return [];
  const decoder = new hessian.DecoderV2(body);
  const values: Lines = [];
  while (decoder.position() < body.length) values.push(decoder.read());
  return decoder.position() > body.length ? [] : values;
}

function bodyOf(values: Lines, serialization: number): Buffer {
  if (serialization === JSON_LINES || hessian === undefined)
    return Buffer.from(values.map((value) => JSON.stringify(value ?? null)).join('\n'));
  const encoder = new hessian.EncoderV2({ size: 1024 });
  for (const value of values) encoder.write(value);
  return Buffer.from(encoder.get());
}

function framed(flags: number, status: number, id: bigint, body: Buffer): Buffer {
  if (body.length > MAX_BODY) throw new core.EncodeError('MESSAGE_TOO_LONG', 'over 8 MiB');
  const head = Buffer.from([0xda, 0xbb, flags, status, ...Array(12).fill(0)]);
  head.writeBigUInt64BE(id, 4);
  head.writeUInt32BE(body.length, 12);
  return Buffer.concat([head, body]);
}
export const frame = (flags: number, status: number, id: bigint, ...values: Lines) =>
  framed(flags, status, id, bodyOf(values, flags & SERIALIZATION));

/** Dubbo's attachments are texts; this program's own has a number. */
function timeIn(attachments: unknown): number {
  const { timeout } = Object(attachments);
  const digits = typeof timeout === 'object' ? null : /^\d+/.exec(String(timeout));
  return Number(digits?.[0]) || Infinity;
}
/** A call is: version, service, its version, method, types, arguments; attachments follow on the wire. */
const isCall = (values: Lines): boolean =>
  values.length > 5 && values.slice(0, 5).every((one) => typeof (one ?? '') === 'string');
/** The id of a call that came: its serialization, which is that of the answer, and its number. */
const answer = (id: calls.ExchangeId, status: number, ...values: Lines): Buffer => {
  const [serialization, number] = String(id).split(' ');
  return frame(Number(serialization), status, BigInt(number!), ...values);
};
export const FORMAT: calls.ExchangeFormat<Rpc> = {
  codes: { failed: 70, 'too-late': 31, overloaded: 100, unknown: 60, cancelled: 30, lost: 70 },
  read(message, sink) {
    const [flags, status, id] = [message[2]!, message[3]!, message.readBigUInt64BE(4)];
    if (message.readUInt16BE() !== 0xdabb)
      throw new core.DecodeError('MESSAGE_INVALID', 'no da bb in front');
    const [serialization, body] = [flags & SERIALIZATION, message.subarray(16)];
    if ((flags & EVENT) !== 0) {
      // The answer to a heartbeat has its serialization, its id and its body.
      if ((flags & REQUEST) === 0 || (flags & TWO_WAY) === 0) return;
      sink.reply(framed(EVENT | serialization, 20, id, body));
      return;
    }
    let values: Lines = [];
    try {
      values = valuesIn(body, serialization);
    } catch {} // an empty list is neither a call nor an answer
    if ((flags & REQUEST) === 0) {
      if (status !== 20 || !values[0]) sink.refusal(Number(id), status, String(values.at(-1)));
      else sink.response(Number(id), values[1]);
    } else if (!isCall(values)) {
      const why = 'no call in hessian2 or lines of JSON';
      const readable = serialization === HESSIAN2 && hessian ? HESSIAN2 : JSON_LINES;
      if ((flags & TWO_WAY) !== 0) sink.reply(frame(readable, 40, id, why));
    } else if ((flags & TWO_WAY) === 0) sink.notification(values.slice(0, -1));
    else sink.request(`${serialization} ${id}`, values, timeIn(values.pop()));
  },
  request: (id, call, timeout) =>
    frame(REQUEST | TWO_WAY | JSON_LINES, 0, BigInt(id), ...call, { timeout }),
  notification: (call) => frame(REQUEST | JSON_LINES, 0, 0n, ...call, {}),
  response: (id, value) => answer(id, 20, 1, value),
  error: (id, code, text) => answer(id, code, text),
};
/** In hessian2, the default of Dubbo, a heartbeat's body is one byte, which stands for null. */
const NULL = Buffer.from('N');
const BEATS = {
  ping: framed(REQUEST | TWO_WAY | EVENT | HESSIAN2, 0, 0n, NULL),
  pong: framed(EVENT | HESSIAN2, 20, 0n, NULL),
};
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
    if (typeof name !== 'string') throw calls.refusal(70, 'the name is not a text');
    log(`Hello ${shown(name)}`);
    const ms = typeof afterMs === 'number' ? Math.abs(afterMs % 10_000) || 0 : 0;
    await new Promise<void>((done) => options.clock.schedule(done, ms, true));
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
