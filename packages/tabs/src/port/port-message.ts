import { Buffer } from 'node:buffer';
import { OptionError, type OutboundBytes } from '@headrace/core';
import { isOutboundBytes, sizeOfBytes, toBuffer } from '@headrace/core/authoring';
import { TextMessage, type WebSocketInput } from '@headrace/websocket';

/** The part of a `MessagePort` that this package uses. Pages, workers and `node:worker_threads` have such ports. */
export interface PortLike {
  /** Sends a message; the buffers in `transfer` are moved, not copied. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(name: string, listener: (event: PortEvent) => void): void;
  removeEventListener(name: string, listener: (event: PortEvent) => void): void;
  /** Starts the delivery of messages. */
  start(): void;
  close(): void;
}

/** An event of a port. */
export interface PortEvent {
  /** Type of the event, for example `message`. */
  readonly type: string;
  readonly data?: unknown;
}

/** @internal Version that both ends must have. A shared worker can run an older program than its tab. */
export const PORT_VERSION = 1;
/** @internal Cost of each message besides its length. The length of text is in UTF-16 code units, which needs no encoding. */
export const MESSAGE_BYTES = 64;

/** @internal The first message of each end. */
export interface Hello {
  readonly headrace: number;
  /** Name of the Web Lock that the end holds while it lives. */
  readonly lock: string | undefined;
  /** Maximum number of unacknowledged bytes that the other end can send. */
  readonly windowBytes: number;
}

/**
 * @internal Several messages in one post. The list contains a string for each text message, and the number of bytes for each
 * binary message.
 */
export interface Batch {
  readonly list: readonly (string | number)[];
  readonly bytes: Uint8Array;
}

/**
 * @internal A message of the port. A number returns credit for that number of bytes. `end` ends one direction. `gone` also
 * reports that its sender reads no more input. `reset` ends both directions at once.
 */
export type PortMessage = Hello | Batch | number | 'end' | 'gone' | 'reset';

/** A message that waits to be posted. */
export type PortOutput = string | Buffer;

/** @internal Converts a message to its form in the queue. The content of `OutboundBytes` is read during the call. */
export function outputOf(message: unknown): PortOutput {
  if (typeof message === 'string') return message;
  return message instanceof TextMessage
    ? String(message.bytes)
    : toBuffer(message as OutboundBytes);
}

/** @internal Returns the size in bytes, or -1 for a value that a WebSocket cannot send. */
export function sizeOfOutput(message: unknown): number {
  if (typeof message === 'string') return Buffer.byteLength(message);
  if (message instanceof TextMessage) return message.byteLength;
  return isOutboundBytes(message) ? sizeOfBytes(message) : -1;
}

/** @internal Copies all bytes into one buffer, whose memory is transferred to the other end. */
export function batchOf(messages: readonly PortOutput[]): Batch {
  let length = 0;
  for (const message of messages) length += typeof message === 'string' ? 0 : message.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  const list = messages.map((message) => {
    if (typeof message === 'string') return message;
    bytes.set(message, at);
    at += message.length;
    return message.length;
  });
  return { list, bytes };
}

/**
 * @internal Returns the messages of a batch, or `undefined` if the lengths do not match its bytes. Binary messages are views of
 * the batch's memory.
 */
export function messagesOf({ list, bytes }: Batch): WebSocketInput[] | undefined {
  let at = 0;
  for (const one of list) {
    if (typeof one === 'string') continue;
    if (!Number.isSafeInteger(one) || one < 0) return undefined;
    at += one;
  }
  if (at !== bytes.length || at !== bytes.buffer.byteLength) return undefined;
  at = 0;
  return list.map((one) => {
    if (typeof one === 'string') return one;
    at += one;
    return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + at - one, one);
  });
}

/** @internal */
export function isBatch(message: unknown): message is Batch {
  if (typeof message !== 'object' || message === null) return false;
  const { list, bytes } = message as Partial<Batch>;
  return Array.isArray(list) && bytes instanceof Uint8Array;
}

/** @internal Returns true for a first message of any version. */
export function isHello(message: unknown): message is Pick<Hello, 'headrace'> {
  return typeof (message as Partial<Hello> | null)?.headrace === 'number';
}

/** @internal Returns true if a first message of this version is complete. */
export function isComplete(hello: Pick<Hello, 'headrace'>): hello is Hello {
  const { lock, windowBytes } = hello as Partial<Hello>;
  return isCredit(windowBytes) && (lock === undefined || typeof lock === 'string');
}

/** @internal */
export function isCredit(bytes: unknown): bytes is number {
  return Number.isSafeInteger(bytes) && (bytes as number) > 0;
}

const METHODS = ['postMessage', 'addEventListener', 'start', 'close'];

/** @internal @throws OptionError for a value that is not a port */
export function checkPort(port: unknown, option: string): asserts port is PortLike {
  const given = port as Record<string, unknown> | null | undefined;
  if (METHODS.every((name) => typeof given?.[name] === 'function')) return;
  throw new OptionError('OPTION_INVALID', `${option} must be a MessagePort`, { option });
}
