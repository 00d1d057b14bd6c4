import type { Buffer } from 'node:buffer';

/** A short line of text, mostly a status: `+OK`. */
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

/** An error as a reply: `-WRONGTYPE Operation against …`. A value, not something that is thrown. */
export class RespError {
  /** All of it: the code, and the words after it. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The first word: `WRONGTYPE`. */
  get code(): string {
    const end = this.text.indexOf(' ');
    return end === -1 ? this.text : this.text.slice(0, end);
  }

  toString(): string {
    return this.text;
  }
}

/** Null. Version 2 has two, a null string and a null array; version 3 writes both as its one null. */
export class RespNull {
  /** A null string, and any null of version 3. */
  static readonly STRING: RespNull = new RespNull('string');
  /** A null array of version 2: an aborted transaction, a blocking command that timed out. */
  static readonly ARRAY: RespNull = new RespNull('array');

  readonly kind: 'string' | 'array';

  constructor(kind: 'string' | 'array') {
    this.kind = kind;
  }
}

/** A floating point number, also one without a fraction. */
export class RespDouble {
  /** The number. */
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A whole number of any size. */
export class RespBigNumber {
  /** The number. */
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** Text for people, with its format: `txt` or `mkd`. */
export class RespVerbatim {
  /** Three characters. */
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
  /** Key, value, key, value … */
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }

  /** The number of keys. */
  get size(): number {
    return this.items.length >> 1;
  }

  /** The value of a key that is text. */
  get(key: string): T | undefined {
    for (let at = 0; at < this.items.length; at += 2) {
      if (String(this.items[at]) === key) return this.items[at + 1];
    }
    return undefined;
  }
}

/** Elements without order; whether one comes twice is not checked. */
export class RespSet<T = RespValue> {
  /** The elements, in the order of the wire. */
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }
}

/** A message that is not an answer, such as a published one. */
export class RespPush<T = RespValue> {
  /** The kind of the message first, then its content. */
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }
}

/** A value with attributes. */
export class RespAttributed<T = RespValue> {
  /** The attributes. */
  readonly attributes: RespMap<T>;
  /** The value that they belong to. */
  readonly value: T;

  constructor(attributes: RespMap<T>, value: T) {
    this.attributes = attributes;
    this.value = value;
  }
}

/** A value of RESP3 that holds no others, beside strings of bytes. */
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
 * An inbound value: a string of bytes is a `Buffer`, a whole number is a `number`, or a `bigint` beyond 2^53;
 * an array is an array.
 */
export type RespValue =
  | Buffer
  | RespScalar
  | readonly RespValue[]
  | RespMap
  | RespSet
  | RespPush
  | RespAttributed;

/** An outbound value: as {@link RespValue}, and text for a string of bytes, and `null` within others. */
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
