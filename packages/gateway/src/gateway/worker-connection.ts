import { Buffer } from 'node:buffer';
import type { MessageCodec, PublishOutcome } from '@headrace/cluster';
import { BODY, encodeBody } from '@headrace/cluster/authoring';
import { EncodeError } from '@headrace/core';
import { jsonSize } from '@headrace/handlers/call';
import type { JsonValue } from '@headrace/rpc';
import { FLAG, frameOf, type GatewayFrame, OP, roomInFrame } from './gateway-frame.ts';
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
  send(to: string, frame: GatewayFrame): PublishOutcome;
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

  /**
   * Sends a message to the connection at most once, through the pipeline at the gateway.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`
   */
  write(message: Message): PublishOutcome {
    const { bodyType, body } = encodeBody(message, this.host.codec);
    checkLength(body.byteLength, this.host.maxBodyBytes());
    return this.send({ op: OP.write, bodyType, body });
  }

  /** Closes the connection at its gateway, after the messages written before. Then `onClose` is called. */
  close(reason = 'local'): PublishOutcome {
    return this.send({ op: OP.close, bodyType: BODY.text, body: Buffer.from(reason, 'utf8') });
  }

  /** @internal Called when no message is being handled. */
  settle(): void {
    this.settled = { attributes: this.current, version: this.version };
  }

  /** @internal Acknowledges the handled messages. */
  acknowledge(flags: number, echo: number): void {
    const { received, handled } = this.session;
    const { attributes, version } = this.settled;
    const isNews = version > this.knownVersion;
    const body = isNews ? Buffer.from(JSON.stringify(attributes), 'utf8') : undefined;
    this.send({
      op: OP.ack,
      flags: flags | (isNews ? FLAG.attributes : 0),
      number: handled,
      received,
      echo,
      ...(body === undefined ? {} : { body, bodyType: BODY.json }),
    });
  }

  /** @internal Called when the gateway has the attributes up to this version. */
  attributesKnown(version: number): void {
    this.knownVersion = Math.max(this.knownVersion, version);
  }

  /** @internal */
  closed(): void {
    this.open = false;
  }

  private send(frame: Partial<GatewayFrame> & Pick<GatewayFrame, 'op'>): PublishOutcome {
    if (!this.open) return 'dropped';
    const { connection, epoch } = this.session;
    const whole = frameOf({ connection, epoch, attributes: this.settled.version, ...frame });
    return this.host.send(this.gateway, whole);
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
