// Calls over one long connection in Dubbo's form: a head of 16 bytes, hessian2 or lines of JSON, heartbeats below.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fixed, RequestClient } from '@headrace/client';
import { LengthFieldFrameDecoder, parseJson } from '@headrace/codec';
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
const [GOOD, BAD_ANSWER, FAILED] = [20, 50, 70];
/** A value of hessian2 is an object of JavaScript for each byte or two, so its values are counted as well as its bytes. */
const [MAX_HESSIAN2, MAX_VALUES] = [1024 * 1024, 10_000];
export const HELLO = ['2.0.2', 'demo.DemoService', '0.0.0', 'sayHello', 'Ljava/lang/String;'];

interface HessianDecoder {
  read(): unknown;
  position(): number;
}
/** The library, with the methods by which its decoder reads the parts of a value. */
interface Hessian {
  readonly DecoderV2: new (
    body: Buffer,
  ) => HessianDecoder & {
    byteBuffer: { get(at?: number): number; position(): number };
    readType(): string;
    _readObjectDefinition(): { name: string };
  };
  readonly EncoderV2: new (options: object) => { write(value: unknown): void; get(): Uint8Array };
}
const hessian = ((): Hessian | undefined => {
  try {
    return createRequire(import.meta.url)('hessian.js');
  } catch {
    return undefined; // calls in hessian2 are refused
  }
})();
/**
 * hessian.js trusts its input. Here, work grows only with the bytes: values are counted as the library reads them, a key is no list
 * (as a text, a list of references to lists has any length), and no name of a class makes an `Error`, whose stack the peer may ask
 * for again and again by a reference.
 */
const makesDecoder = ({ DecoderV2 }: Hessian): (new (body: Buffer) => HessianDecoder) =>
  class extends DecoderV2 {
    private left = MAX_VALUES;
    override read() {
      if (this.left-- === 0) throw new Error(`more than ${MAX_VALUES} values`);
      return super.read();
    }
    override readType() {
      super.readType();
      return '';
    }
    override _readObjectDefinition() {
      return Object.assign(super._readObjectDefinition(), { name: '' });
    }
    _readMap(map: Record<string, unknown>) {
      const END = 0x5a;
      for (const { byteBuffer: bytes } = this; bytes.get(bytes.position()) !== END; ) {
        const key = this.read();
        if (typeof key === 'object') throw new Error('a key that is no text');
        map[String(key)] = this.read();
      }
      this.byteBuffer.get();
    }
  };
const Decoder = hessian && makesDecoder(hessian);

/** The values of a body. @throws Error if the body is not valid */
function valuesIn(body: Buffer, serialization: number): Lines {
  if (serialization === JSON_LINES) {
    const lines = body.toString().trimEnd().split('\n');
    // An empty object takes three bytes, and 67 in memory: this counts the values of all lines before they are made.
    parseJson(`[${lines.join()}]`, 2 * MAX_BODY);
    return lines.map((line) => JSON.parse(line));
  }
  if (serialization !== HESSIAN2 || Decoder === undefined || body.length > MAX_HESSIAN2) return [];
  const decoder = new Decoder(body);
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
/** Only a text: of a list of references, a text may have any length. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
/** The first value of an answer. From 2.0.2 on, attachments may follow: the same three kinds, and three more. */
const [EXCEPTION, VALUE, NOTHING, WITH_ATTACHMENTS] = [0, 1, 2, 3];
function readAnswer(id: number, values: Lines, sink: calls.ExchangeSink<Rpc>): void {
  const hasAttachments = typeof values[0] === 'number' && values[0] >= WITH_ATTACHMENTS;
  const kind = hasAttachments ? (values[0] as number) - WITH_ATTACHMENTS : values[0];
  const isWhole = values.length === (kind === NOTHING ? 1 : 2) + (hasAttachments ? 1 : 0);
  if (isWhole && kind === VALUE) sink.response(id, values[1]);
  else if (isWhole && kind === NOTHING) sink.response(id, null);
  else if (isWhole && kind === EXCEPTION) {
    const { message, detailMessage } = Object(values[1]);
    sink.refusal(id, FAILED, textOf(values[1]) || textOf(message) || textOf(detailMessage));
  } else sink.refusal(id, BAD_ANSWER, 'no answer in hessian2 or lines of JSON');
}
/** The id of a call that came: its serialization, which is that of the answer, and its number. */
const answer = (id: calls.ExchangeId, status: number, ...values: Lines): Buffer => {
  const [serialization, number] = String(id).split(' ');
  return frame(Number(serialization), status, BigInt(number!), ...values);
};
export const FORMAT: calls.ExchangeFormat<Rpc> = {
  codes: {
    failed: FAILED,
    'too-late': 31,
    overloaded: 100,
    unknown: 60,
    cancelled: 30,
    lost: FAILED,
  },
  read(message, sink) {
    const [flags, status, id] = [message[2]!, message[3]!, message.readBigUInt64BE(4)];
    if (message.readUInt16BE() !== 0xdabb)
      throw new core.DecodeError('MESSAGE_INVALID', 'no da bb in front');
    const [serialization, body] = [flags & SERIALIZATION, message.subarray(16)];
    if ((flags & EVENT) !== 0) {
      // The answer to a heartbeat has its serialization, its id and its body.
      if ((flags & REQUEST) === 0 || (flags & TWO_WAY) === 0) return;
      sink.reply(framed(EVENT | serialization, GOOD, id, body));
      return;
    }
    let values: Lines = [];
    try {
      values = valuesIn(body, serialization);
    } catch {} // an empty list is neither a call nor an answer
    if ((flags & REQUEST) === 0) {
      if (status === GOOD) readAnswer(Number(id), values, sink);
      else sink.refusal(Number(id), status, textOf(values.at(-1)));
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
  response: (id, value) => answer(id, GOOD, VALUE, value),
  error: (id, code, text) => answer(id, code, text),
};
/** In hessian2, the default of Dubbo, a heartbeat's body is one byte, which stands for null. */
const NULL = Buffer.from('N');
const BEATS = {
  ping: framed(REQUEST | TWO_WAY | EVENT | HESSIAN2, 0, 0n, NULL),
  pong: framed(EVENT | HESSIAN2, GOOD, 0n, NULL),
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
    if (typeof name !== 'string') throw calls.refusal(FAILED, 'the name is not a text');
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
