import { Buffer, isUtf8 } from 'node:buffer';
import { EncodeError } from '@headrace/core';

/** A short line of text, usually a status: `+OK`. */
export class RespSimple {
  /** The answer `OK`. */
  static readonly OK: RespSimple = new RespSimple('OK');
  /** The text, without a line break. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** Number of bytes of a text that is not UTF-8 that are shown. */
const SHOWN_BYTES = 1024;
const [FIRST_PRINTABLE, LAST_PRINTABLE] = [0x20, 0x7e];

/** An error as a reply: `-WRONGTYPE Operation against …`. The error is a value and is not thrown. */
export class RespError {
  /**
   * The whole text: the code, and the words after it. In a text that is not UTF-8, bytes that are not ASCII are shown as `\xff`,
   * and the text ends after 1024 bytes.
   */
  readonly text: string;
  /**
   * The bytes of a text that is not UTF-8, otherwise `undefined`. Redis repeats the bytes of a command in some errors, and cuts
   * them within a character.
   */
  readonly bytes: Uint8Array | undefined;

  /** @param text - the text, or its bytes, which are kept if they are not UTF-8 */
  constructor(text: string | Uint8Array) {
    const isText = typeof text === 'string' || isUtf8(text);
    this.bytes = isText ? undefined : (text as Uint8Array);
    if (typeof text === 'string') this.text = text;
    else this.text = isText ? Buffer.from(text).toString() : shownText(text);
  }

  /** The first word, for example `WRONGTYPE`. */
  get code(): string {
    const end = this.text.indexOf(' ');
    return end === -1 ? this.text : this.text.slice(0, end);
  }

  toString(): string {
    return this.text;
  }
}

function shownText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes.subarray(0, SHOWN_BYTES)) {
    const isShown = byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE;
    text += isShown ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

/** A null value. Version 2 has a null string and a null array. Version 3 has one null, and both are written as that null. */
export class RespNull {
  /** A null string, and any null of version 3. */
  static readonly STRING: RespNull = new RespNull('string');
  /** A null array of version 2, for an aborted transaction or a blocking command that timed out. */
  static readonly ARRAY: RespNull = new RespNull('array');

  readonly kind: 'string' | 'array';

  constructor(kind: 'string' | 'array') {
    this.kind = kind;
  }
}

/** A floating point number, with or without a fraction. */
export class RespDouble {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A whole number of any size. */
export class RespBigNumber {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** A text for people, with its format: `txt` or `mkd`. */
export class RespVerbatim {
  /** The format, three characters. */
  readonly format: string;
  /** The text as UTF-8. */
  readonly data: Uint8Array;

  constructor(format: string, data: Uint8Array) {
    this.format = format;
    this.data = data;
  }

  toString(): string {
    return new TextDecoder().decode(this.data);
  }
}

/** Keys and values, in the order of the wire. */
export class RespMap<T = RespValue> {
  /** The items in the order key, value, key, value. */
  readonly items: readonly T[];

  /**
   * @param keysAndValues - a `Map`, or a list in the order key, value, key, value
   * @throws EncodeError `HR_ERR_MESSAGE_NOT_ENCODABLE` if a list ends with a key without a value
   */
  constructor(keysAndValues: readonly T[] | ReadonlyMap<T, T>) {
    const items =
      keysAndValues instanceof Map ? itemsOf<T>(keysAndValues) : (keysAndValues as readonly T[]);
    if (items.length % 2 === 1) {
      throw new EncodeError(
        'MESSAGE_NOT_ENCODABLE',
        `a RespMap takes a list of key, value, key, value, not ${items.length} items`,
        { items: items.length },
      );
    }
    this.items = items;
  }

  /** The number of keys. */
  get size(): number {
    return this.items.length >> 1;
  }

  /** Returns the value of a key that is text. */
  get(key: string): T | undefined {
    for (let at = 0; at < this.items.length; at += 2) {
      if (String(this.items[at]) === key) return this.items[at + 1];
    }
    return undefined;
  }
}

function itemsOf<T>(map: ReadonlyMap<T, T>): T[] {
  const items: T[] = [];
  for (const [key, value] of map) items.push(key, value);
  return items;
}

/** Elements without order. Duplicates are not checked. */
export class RespSet<T = RespValue> {
  /** The elements, in the order of the wire. */
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }
}

/** A message that is not an answer, such as a published message. */
export class RespPush<T = RespValue> {
  /** The kind of the message, followed by its content. */
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }
}

/** A value with attributes. */
export class RespAttributed<T = RespValue> {
  readonly attributes: RespMap<T>;
  /** The value that the attributes belong to. */
  readonly value: T;

  constructor(attributes: RespMap<T>, value: T) {
    this.attributes = attributes;
    this.value = value;
  }
}

/** A value of RESP3 that contains no other values and is not a string of bytes. */
export type RespScalar =
  | RespSimple
  | RespError
  | RespNull
  | RespDouble
  | RespBigNumber
  | RespVerbatim
  | boolean
  | number
  | bigint;

/**
 * An inbound value. A string of bytes is a `Buffer`. A whole number is a `number`, or a `bigint` beyond 2^53. An array is an
 * array.
 */
export type RespValue =
  | Buffer
  | RespScalar
  | readonly RespValue[]
  | RespMap
  | RespSet
  | RespPush
  | RespAttributed;

/** An outbound value: a {@link RespValue}, a JavaScript string in place of a string of bytes, or `null` within other values. */
export type RespInput =
  | Uint8Array
  | string
  | null
  | RespScalar
  | readonly RespInput[]
  | RespMap<RespInput>
  | RespSet<RespInput>
  | RespPush<RespInput>
  | RespAttributed<RespInput>;
