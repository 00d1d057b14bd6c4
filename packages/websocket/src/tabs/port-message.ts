import { Buffer } from 'node:buffer';
import { OptionError, type OutboundBytes } from '@headrace/core';
import { isOutboundBytes, sizeOfBytes, toBuffer } from '@headrace/core/authoring';
import { TextMessage, type WebSocketInput } from '../socket/text-message.ts';

/** The part of a `MessagePort` that is used: of pages and workers, and of `node:worker_threads`. */
export interface PortLike {
  /** Sends a message; the buffers in `transfer` are moved, not copied. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  /** Listens to events. */
  addEventListener(name: string, listener: (event: PortEvent) => void): void;
  /** Listens no more. */
  removeEventListener(name: string, listener: (event: PortEvent) => void): void;
  /** Begins to deliver messages. */
  start(): void;
  /** Ends the connection of the ports. */
  close(): void;
}

/** An event of a port. */
export interface PortEvent {
  /** `message`, for example. */
  readonly type: string;
  /** The message, of an event that brings one. */
  readonly data?: unknown;
}

/** @internal The ends must speak the same version: a shared worker may run a program that is older than its tab. */
export const PORT_VERSION = 1;
/** @internal Counted for each message beside its bytes. */
export const MESSAGE_BYTES = 64;

/** @internal The first message of each end. */
export interface Hello {
  readonly headrace: number;
  /** The Web Lock that the end holds while it lives. */
  readonly lock: string | undefined;
  /** The bytes that the other end may send before some of them were taken. */
  readonly windowBytes: number;
}

/** @internal Messages in one post: a string for a text, the length of its bytes for a binary message. */
export interface Batch {
  readonly list: readonly (string | number)[];
  readonly bytes: Uint8Array;
}

/**
 * @internal A message of the port: a number gives so many bytes of credit back; `end` ends a half, `gone` says that nothing is
 * read any more, `reset` ends both at once.
 */
export type PortMessage = Hello | Batch | number | 'end' | 'gone' | 'reset';

/** A message that waits to be posted. */
export type PortOutput = string | Buffer;

/** @internal A message as it waits; a source is read now. */
export function outputOf(message: unknown): PortOutput {
  if (typeof message === 'string') return message;
  return message instanceof TextMessage
    ? String(message.bytes)
    : toBuffer(message as OutboundBytes);
}

/** @internal In bytes, or -1 for what no WebSocket sends. */
export function sizeOfOutput(message: unknown): number {
  if (typeof message === 'string') return Buffer.byteLength(message);
  if (message instanceof TextMessage) return message.byteLength;
  return isOutboundBytes(message) ? sizeOfBytes(message) : -1;
}

/** @internal The share of a message in the window of credit; its text counts in code units, which need no encoding to count. */
export function costOf(message: WebSocketInput | PortOutput): number {
  return message.length + MESSAGE_BYTES;
}

/** @internal All bytes in one copy, whose memory goes to the other end. */
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

/** @internal The messages of a batch; those of bytes are views of its memory. `undefined` if the lengths are not those of its bytes. */
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

/** @internal A first message, which may be of another version. */
export function isHello(message: unknown): message is Pick<Hello, 'headrace'> {
  return typeof (message as Partial<Hello> | null)?.headrace === 'number';
}

/** @internal Whether the first message of our version has what belongs to it. */
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
