import { Buffer } from 'node:buffer';
import { atOnce, describeOptions, flag, fn, text, value } from '@headrace/core/authoring';

/**
 * The heartbeats of a protocol: how to make, recognize and answer them. A format does not depend on a connection, so make it once
 * and share it between all handlers.
 *
 * @typeParam In - heartbeats as they are read
 * @typeParam Out - heartbeats as they are written, for protocols with two types
 */
export interface HeartbeatFormat<In, Out = In> {
  /** Makes our heartbeat message. Called for each heartbeat, so that the message can contain new data. */
  ping(): Out;
  /** Returns true for a heartbeat that a peer sends as a probe or sign of life. */
  isPing(message: unknown): boolean;
  /** Returns the answer to a ping, or `undefined` for no answer. */
  pong(ping: In): Out | undefined;
  /** Returns true for the answer to one of our pings. */
  isPong(message: unknown): boolean;
  /** Whether peers answer our pings, so that a missing answer shows a problem. */
  readonly isAnswered: boolean;
}

/** A format of functions that answer at once: ours, or the functions of options. */
export class SimpleFormat<In, Out = In> implements HeartbeatFormat<In, Out> {
  readonly ping: () => Out;
  readonly isPing: (message: unknown) => boolean;
  readonly pong: (ping: In) => Out | undefined;
  readonly isPong: (message: unknown) => boolean;
  readonly isAnswered: boolean;

  constructor({ ping, isPing, pong, isPong, isAnswered }: HeartbeatFormat<In, Out>) {
    this.ping = ping;
    this.isPing = isPing;
    this.pong = pong;
    this.isPong = isPong;
    this.isAnswered = isAnswered;
  }
}

/** A format of the application, which must answer at once. */
class CheckedFormat<In, Out> implements HeartbeatFormat<In, Out> {
  private readonly format: HeartbeatFormat<In, Out>;

  constructor(format: HeartbeatFormat<In, Out>) {
    this.format = format;
  }

  get isAnswered(): boolean {
    return this.format.isAnswered;
  }

  ping(): Out {
    return atOnce('format.ping', this.format.ping());
  }

  isPing(message: unknown): boolean {
    return atOnce('format.isPing', this.format.isPing(message));
  }

  pong(ping: In): Out | undefined {
    return atOnce('format.pong', this.format.pong(ping));
  }

  isPong(message: unknown): boolean {
    return atOnce('format.isPong', this.format.isPong(message));
  }
}

/** Returns the option `format`, guarded. */
export function checkedFormat<In, Out>(format: HeartbeatFormat<In, Out>): HeartbeatFormat<In, Out> {
  return format instanceof SimpleFormat ? format : new CheckedFormat(format);
}

/** Options of {@link textHeartbeat}. */
export interface TextHeartbeatOptions {
  /** The text of a heartbeat. @default 'PING' */
  readonly ping?: string;
  /** The answer, or `false` for heartbeats without answers. @default 'PONG' */
  readonly pong?: string | false;
  /** Whether `ping`, `Ping` and other spellings also count as a ping. @default true */
  readonly ignoreCase?: boolean;
}

const isTextOrFalse = (pong: unknown): boolean => pong === false || typeof pong === 'string';

const TEXT_OPTIONS = describeOptions('textHeartbeat', {
  ping: text('a text', { default: 'PING' }),
  pong: value('a text, or false for none', isTextOrFalse, {
    default: 'PONG',
  }),
  ignoreCase: flag({ default: true }),
});

/** Makes a format of text heartbeats, by default `PING` and `PONG`, for a handler after a string codec. */
export function textHeartbeat(options: TextHeartbeatOptions = {}): HeartbeatFormat<string> {
  const { ping, pong, ignoreCase } = TEXT_OPTIONS.resolve(options);
  const isText = (wanted: string) => {
    const folded = wanted.toLowerCase();
    return (message: unknown): boolean =>
      typeof message === 'string' &&
      message.length === wanted.length &&
      (message === wanted || (ignoreCase && message.toLowerCase() === folded));
  };
  return new SimpleFormat({
    ping: () => ping,
    isPing: isText(ping),
    pong: () => (pong === false ? undefined : pong),
    isPong: pong === false ? () => false : isText(pong),
    isAnswered: pong !== false,
  });
}

/** Options of {@link bytesHeartbeat}. */
export interface BytesHeartbeatOptions {
  /** The bytes of a heartbeat. */
  readonly ping: Uint8Array;
  /** The answer, or `false` for heartbeats without answers. @default the ping itself */
  readonly pong?: Uint8Array | false;
}

const BYTES = 'a Buffer or Uint8Array';
const isBytes = (given: unknown): boolean => given instanceof Uint8Array;

const BYTES_OPTIONS = describeOptions('bytesHeartbeat', {
  ping: value(BYTES, isBytes, { required: true }),
  pong: value(`${BYTES}, or false for none`, (pong: unknown) => pong === false || isBytes(pong)),
});

/** Makes a format of heartbeats that are frames of fixed bytes, for a handler after a frame decoder. */
export function bytesHeartbeat(options: BytesHeartbeatOptions): HeartbeatFormat<Buffer> {
  const given = BYTES_OPTIONS.resolve(options);
  const ping = Buffer.from(given.ping);
  const pong = given.pong === false ? undefined : Buffer.from(given.pong ?? ping);
  const isFrame = (wanted: Buffer) => (message: unknown) =>
    message instanceof Uint8Array && wanted.equals(message);
  return new SimpleFormat({
    ping: () => ping,
    isPing: isFrame(ping),
    pong: () => pong,
    isPong: pong === undefined ? () => false : isFrame(pong),
    isAnswered: pong !== undefined,
  });
}

/** Makes a format of heartbeats that are empty frames, answered by empty frames. Only the header of the frame is sent. */
export function emptyFrameHeartbeat(): HeartbeatFormat<Buffer> {
  return bytesHeartbeat({ ping: Buffer.alloc(0) });
}

/** Options of {@link messageHeartbeat}. */
export interface MessageHeartbeatOptions<In, Out = In> {
  /** Makes a heartbeat, which can contain data. */
  readonly ping: () => Out;
  /** Returns true if a message is a heartbeat. */
  readonly isPing: (message: In) => boolean;
  /** Makes the answer. Without this function, heartbeats have no answers. */
  readonly pong?: (ping: In) => Out;
  /** Returns true if a message is an answer. @default isPing: the answer looks like the ping */
  readonly isPong?: (message: In) => boolean;
}

const MESSAGE_OPTIONS = describeOptions('messageHeartbeat', {
  ping: fn({ answers: 'sync', takes: 0, required: true, purpose: 'makes a heartbeat' }),
  isPing: fn({ answers: 'sync', required: true, purpose: 'recognizes one' }),
  pong: fn({ answers: 'sync', purpose: 'makes the answer' }),
  isPong: fn({ answers: 'sync', purpose: 'recognizes answers' }),
});

/** Makes a format of heartbeats that are messages of your own, which can contain data. */
export function messageHeartbeat<In, Out = In>(
  options: MessageHeartbeatOptions<In, Out>,
): HeartbeatFormat<In, Out> {
  const given = options as unknown as MessageHeartbeatOptions<unknown>;
  const { ping, isPing, pong, isPong = isPing } = MESSAGE_OPTIONS.resolve(given);
  return new SimpleFormat<unknown>({
    ping,
    isPing,
    pong: (message) => pong?.(message),
    isPong: (message) => pong !== undefined && isPong(message),
    isAnswered: pong !== undefined,
  }) as HeartbeatFormat<unknown> as HeartbeatFormat<In, Out>;
}
