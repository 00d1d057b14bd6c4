import { Buffer } from 'node:buffer';
import { byteLengthOf, toBuffer } from '@headrace/core/authoring';
import type { ItemWindow } from '../items/item-writer.ts';
import {
  type BinaryExchange,
  BinaryFrame,
  bodyOf,
  checkBody,
  FROM_ANSWERER,
  HEADER_BYTES,
  KIND,
  readUint32,
  TIME_BYTES,
  timeOf,
} from './binary-frame.ts';
import { invalidMessage } from './exchange-error.ts';
import type { CallEnd, StreamFormat, StreamSink } from './exchange-format.ts';

const NUMBER_BYTES = 4;
const WINDOW_BYTES = 2 * NUMBER_BYTES;
const WINDOW_AT = HEADER_BYTES + TIME_BYTES;
const INPUT_AT = WINDOW_AT + WINDOW_BYTES;
const OPEN_BYTES = INPUT_AT + 1;
const EMPTY: Buffer = Buffer.alloc(0);
const NO_WINDOW: ItemWindow = { items: 0, bytes: 0 };

/** The stream messages of the binary format. Items are bytes, and are sent unchanged. */
export const BINARY_STREAMS: StreamFormat<BinaryExchange> = {
  open(id, body, timeLeftMs, window, sendsItems) {
    const parts = [numbers(window ?? NO_WINDOW), Buffer.of(sendsItems ? 1 : 0)];
    const content = Buffer.concat([...parts, toBuffer(checkBody(body))]);
    return new BinaryFrame(KIND.open, id, timeOf(timeLeftMs), content);
  },
  item: (id, from, item) =>
    new BinaryFrame(KIND.item, id as number, 0, checkBody(item ?? EMPTY), byteOf(from)),
  inputEnd: (id) => new BinaryFrame(KIND.inputEnd, id, 0, EMPTY),
  credit(id, from, taken) {
    const content = Buffer.alloc(NUMBER_BYTES);
    content.writeUInt32BE(taken);
    return new BinaryFrame(KIND.credit, id as number, 0, content, byteOf(from));
  },
  window: (id, window) => new BinaryFrame(KIND.window, id as number, 0, numbers(window)),
  sizeOf: (item) => (item === undefined ? 0 : byteLengthOf(item as Uint8Array)),
  isItem: (result) => result.length > 0,
};

function byteOf(from: CallEnd): number {
  return from === 'answerer' ? FROM_ANSWERER : 0;
}

function numbers({ items, bytes }: ItemWindow): Buffer {
  const content = Buffer.alloc(WINDOW_BYTES);
  content.writeUInt32BE(items);
  content.writeUInt32BE(bytes, NUMBER_BYTES);
  return content;
}

/** Minimum and maximum length of each kind of frame, in bytes. Other lengths are refused. */
const LENGTHS: Readonly<Record<number, readonly [least: number, most: number]>> = {
  [KIND.open]: [OPEN_BYTES, Number.POSITIVE_INFINITY],
  [KIND.item]: [HEADER_BYTES, Number.POSITIVE_INFINITY],
  [KIND.inputEnd]: [HEADER_BYTES, HEADER_BYTES],
  [KIND.credit]: [HEADER_BYTES + NUMBER_BYTES, HEADER_BYTES + NUMBER_BYTES],
  [KIND.window]: [HEADER_BYTES + WINDOW_BYTES, HEADER_BYTES + WINDOW_BYTES],
};

/** Reads a frame of a stream. Refuses any other kind as unknown. */
export function readStreamFrame(
  message: Buffer,
  kind: number,
  id: number,
  sink: StreamSink<BinaryExchange>,
): void {
  const lengths = LENGTHS[kind];
  if (lengths === undefined) throw invalidMessage(message, `a frame of the unknown kind ${kind}`);
  const [least, most] = lengths;
  if (message.length < least || message.length > most) {
    throw invalidMessage(message, `a frame of kind ${kind} with a wrong length`);
  }
  if (kind === KIND.item) sink.item(id, fromOf(message), bodyOf(message, HEADER_BYTES));
  else if (kind === KIND.credit) {
    const taken = positive(message, readUint32(message, HEADER_BYTES));
    sink.credit(id, fromOf(message), taken);
  } else if (message[1] !== 0) throw invalidMessage(message, 'the second byte is not 0');
  else if (kind === KIND.open) readOpen(message, id, sink);
  else if (kind === KIND.inputEnd) sink.inputEnd(id);
  else sink.window(id, windowAt(message, HEADER_BYTES));
}

function readOpen(message: Buffer, id: number, sink: StreamSink<BinaryExchange>): void {
  const timeLeftMs = readUint32(message, HEADER_BYTES) || Number.POSITIVE_INFINITY;
  const takesItems = readUint32(message, WINDOW_AT) !== 0;
  const input = message[INPUT_AT]!;
  if (input > 1) throw invalidMessage(message, 'the byte for items of the caller is not 0 or 1');
  const window = takesItems ? windowAt(message, WINDOW_AT) : undefined;
  sink.open(id, bodyOf(message, OPEN_BYTES), timeLeftMs, window, input === 1);
}

function windowAt(message: Buffer, at: number): ItemWindow {
  return {
    items: positive(message, readUint32(message, at)),
    bytes: positive(message, readUint32(message, at + NUMBER_BYTES)),
  };
}

function positive(message: Buffer, value: number): number {
  if (value > 0) return value;
  throw invalidMessage(message, 'a number of streams is 0');
}

function fromOf(message: Buffer): CallEnd {
  const byte = message[1]!;
  if (byte > FROM_ANSWERER) throw invalidMessage(message, 'the second byte is not 0 or 1');
  return byte === FROM_ANSWERER ? 'answerer' : 'caller';
}
