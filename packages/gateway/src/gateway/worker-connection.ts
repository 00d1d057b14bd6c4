import { Buffer } from 'node:buffer';
import type { PublishOutcome } from '@headrace/bus';
import type { MessageCodec } from '@headrace/cluster';
import { BODY, encodeBody } from '@headrace/cluster/authoring';
import { EncodeError } from '@headrace/core';
import { ENTRY_OVERHEAD_BYTES } from '@headrace/core/authoring';
import { jsonSize } from '@headrace/handlers/call';
import type { JsonValue } from '@headrace/rpc';
import {
  type Confirmation,
  encodeFrame,
  FLAG,
  frameOf,
  type GatewayFrame,
  OP,
  roomInFrame,
} from './gateway-frame.ts';
import type { GatewaySession } from './gateway-session.ts';

/** Attributes of a connection of a gateway, which move to the connection's next worker. */
export type GatewayAttributes = Readonly<Record<string, JsonValue>>;

/** Maximum size of the attributes of one connection, as JSON. */
const MAX_ATTRIBUTES_BYTES = 65_536;
/** Maximum size as values count, because the values stay in memory. `[[],[],…]` takes twenty times the memory of its JSON. */
const MAX_ATTRIBUTES_SIZE = 4 * MAX_ATTRIBUTES_BYTES;

/** The worker, as its connections use it. */
export interface WorkerConnectionHost {
  readonly codec: MessageCodec<unknown> | undefined;
  /** Maximum size of a frame on the bus. */
  maxBodyBytes(): number | undefined;
  /** Maximum size of the answers of one connection that its gateway has not confirmed. */
  readonly maxUnconfirmedBytes: number;
  /** Whether frames to a gateway leave now. */
  reaches(gateway: string): boolean;
  send(to: string, frame: Buffer): PublishOutcome;
  /** Asks until the gateway has confirmed the answers and the attributes. */
  unconfirmed(connection: WorkerConnection): void;
  /** A write was refused at {@link maxUnconfirmedBytes}. */
  refused(connection: WorkerConnection): void;
  /** Sends the attributes with the next acknowledgement. */
  attributesChanged(connection: WorkerConnection): void;
}

/** A connection at its worker. The socket is at a gateway. */
export class WorkerConnection<Message = unknown> {
  /** The id of the connection, the same at all workers. */
  readonly id: string;
  /** The node that has the socket. */
  readonly gateway: string;
  /** @internal */
  readonly session: GatewaySession;
  private readonly host: WorkerConnectionHost;
  private current: GatewayAttributes;
  private version: number;
  /** The attributes that the next acknowledgement stores at the gateway. */
  private settled: { readonly attributes: GatewayAttributes; readonly version: number };
  private knownVersion: number;
  private open = true;
  private isEnding = false;

  /** @internal */
  constructor(
    host: WorkerConnectionHost,
    session: GatewaySession,
    attributes: GatewayAttributes,
    version: number,
  ) {
    this.host = host;
    this.session = session;
    this.gateway = session.gateway;
    this.id = `${session.gateway}:${session.connection}`;
    this.current = attributes;
    this.version = version;
    this.settled = { attributes, version };
    this.knownVersion = version;
  }

  /**
   * Whether the connection is still at this worker. Writes are lost after the connection has closed or moved to another worker.
   */
  get isOpen(): boolean {
    return this.open;
  }

  /** The attributes that the gateway and the workers have set. */
  get attributes(): GatewayAttributes {
    return this.current;
  }

  /**
   * Sets some attributes. The value `undefined` removes an attribute. Attributes that are set while a message is handled are stored
   * together with its acknowledgement: if the worker dies before that, the next worker receives the earlier attributes and the
   * message. Other changes are stored at once.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG` if all attributes together take more than 64 KiB of JSON, or count more than 256 KiB with
   *   64 bytes for each value, or do not fit on the bus
   */
  setAttributes(changes: Readonly<Record<string, JsonValue | undefined>>): void {
    const entries = Object.entries({ ...this.current, ...changes });
    const next = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
    checkAttributes(next, this.host.maxBodyBytes());
    this.current = next as GatewayAttributes;
    this.version += 1;
    if (this.open) this.host.attributesChanged(this as WorkerConnection);
  }

  /** @internal Whether the gateway has all answers and attributes, as far as it says so. */
  get isConfirmed(): boolean {
    const { answers } = this.session;
    if (answers === undefined || !this.open) return true;
    return answers.isEmpty && this.settled.version <= this.knownVersion;
  }

  /**
   * @internal Whether the next message must wait until the gateway has confirmed answers: at half of the limit, so that the answers to a
   * message that has begun still have room.
   */
  get isFull(): boolean {
    return (this.session.answers?.bytes ?? 0) >= this.host.maxUnconfirmedBytes / 2;
  }

  /**
   * Sends a message to the connection, through the pipeline at the gateway.
   *
   * With `delivery: 'acknowledged'`, the message is kept, and repeated until the gateway has it or this worker loses the connection.
   * A message of the connection counts as answered when the gateway has everything that was written before its acknowledgement. So what was
   * written while the message was handled arrives, or the message is repeated. `kept` means that the message waits for the bus, and
   * `dropped` that the connection is not at this worker, was closed by it, or has {@link WorkerOptions.maxUnconfirmedBytes}.
   *
   * With `at-most-once`, the message is sent once.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`
   */
  write(message: Message): PublishOutcome {
    const { bodyType, body } = encodeBody(message, this.host.codec);
    checkLength(body.byteLength, this.host.maxBodyBytes());
    return this.answer({ op: OP.write, bodyType, body });
  }

  /**
   * Closes the connection at its gateway, after the messages written before. Then `onClose` is called. The close is kept and repeated
   * like a {@link write}.
   */
  close(reason = 'local'): PublishOutcome {
    const body = Buffer.from(reason, 'utf8');
    const outcome = this.answer({ op: OP.close, bodyType: BODY.text, body });
    this.isEnding = true;
    return outcome;
  }

  /** @internal Called when no message is being handled. */
  settle(): void {
    this.settled = { attributes: this.current, version: this.version };
  }

  /** @internal Acknowledges the handled messages. */
  acknowledge(flags: number, echo: number): void {
    const { received, handled, answers } = this.session;
    const { attributes, version } = this.settled;
    const isNews = version > this.knownVersion;
    const body = isNews ? Buffer.from(JSON.stringify(attributes), 'utf8') : undefined;
    this.send({
      op: OP.ack,
      flags: flags | (isNews ? FLAG.attributes : 0),
      number: handled,
      received,
      echo,
      answers: answers?.last,
      ...(body === undefined ? {} : { body, bodyType: BODY.json }),
    });
    if (!this.isConfirmed) this.host.unconfirmed(this as WorkerConnection);
  }

  /** @internal Called with what the gateway has. */
  confirmed({ number, attributes, isGap }: Confirmation): void {
    const { answers } = this.session;
    if (answers === undefined) return;
    this.attributesKnown(attributes);
    answers.release(Math.min(number, answers.highest));
    if (isGap) answers.resendAfter(number);
    this.sendKept();
  }

  /** @internal Sends the answers that are not under way, if they leave. */
  sendKept(): PublishOutcome {
    const { host, gateway, session } = this;
    const { answers } = session;
    if (answers === undefined || !host.reaches(gateway)) return 'kept';
    let outcome: PublishOutcome = 'sent';
    while (answers.sent < answers.last) {
      outcome = host.send(gateway, answers.at(answers.send(1)).frame);
    }
    return outcome === 'sent' ? 'sent' : 'kept';
  }

  /** @internal Called when the gateway has the attributes up to this version. */
  attributesKnown(version: number): void {
    this.knownVersion = Math.max(this.knownVersion, version);
  }

  /** @internal */
  closed(): void {
    this.open = false;
  }

  private answer(frame: Pick<GatewayFrame, 'op' | 'bodyType' | 'body'>): PublishOutcome {
    const { session, host } = this;
    const { answers } = session;
    if (answers === undefined) return this.send(frame);
    if (!this.open || this.isEnding) return 'dropped';
    const isRefused = frame.op === OP.write && this.hasNoRoomFor(frame.body.byteLength);
    if (isRefused) {
      host.refused(this as WorkerConnection);
      return 'dropped';
    }
    const bytes = this.encode({ ...frame, number: answers.last + 1 });
    answers.keep({ frame: bytes, size: bytes.byteLength + ENTRY_OVERHEAD_BYTES });
    const outcome = this.sendKept();
    host.unconfirmed(this as WorkerConnection);
    return outcome;
  }

  /** A single message may be longer than the limit, which would otherwise refuse it each time. */
  private hasNoRoomFor(bytes: number): boolean {
    const kept = this.session.answers!.bytes;
    return kept > 0 && kept + bytes + ENTRY_OVERHEAD_BYTES > this.host.maxUnconfirmedBytes;
  }

  private send(frame: Partial<GatewayFrame> & Pick<GatewayFrame, 'op'>): PublishOutcome {
    return this.open ? this.host.send(this.gateway, this.encode(frame)) : 'dropped';
  }

  private encode(frame: Partial<GatewayFrame> & Pick<GatewayFrame, 'op'>): Buffer {
    const { connection, epoch } = this.session;
    return encodeFrame(frameOf({ connection, epoch, attributes: this.settled.version, ...frame }));
  }
}

/** @throws EncodeError `MESSAGE_TOO_LONG` */
export function checkLength(length: number, maxBodyBytes: number | undefined): void {
  const max = roomInFrame(OP.message, maxBodyBytes);
  if (length > max)
    throw tooLong(`a message of ${length} bytes does not fit on the bus`, length, max);
}

/**
 * @param maxBodyBytes - the maximum size of a frame on the bus
 * @throws EncodeError `MESSAGE_TOO_LONG`
 */
export function checkAttributes(
  attributes: object,
  maxBodyBytes: number | undefined,
  what = 'the attributes of a connection take',
): void {
  const length = Buffer.byteLength(JSON.stringify(attributes), 'utf8');
  const max = Math.min(MAX_ATTRIBUTES_BYTES, roomInFrame(OP.ack, maxBodyBytes));
  if (length > max) throw tooLong(`${what} ${length} bytes`, length, max);
  const size = jsonSize(attributes);
  if (size > MAX_ATTRIBUTES_SIZE) {
    const text = `${what} ${size} bytes, of which each value counts 64`;
    throw tooLong(text, size, MAX_ATTRIBUTES_SIZE);
  }
}

function tooLong(text: string, length: number, max: number): EncodeError {
  return new EncodeError('MESSAGE_TOO_LONG', `${text}, at most ${max} are allowed`, {
    length,
    max,
  });
}
