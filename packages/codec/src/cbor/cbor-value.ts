/** A value with a tag, for which the codec has no type of its own (RFC 8949, section 3.4). */
export class CborTag {
  /** Number of the tag: a `bigint` from 2^53 on. */
  readonly tag: number | bigint;
  readonly value: unknown;

  constructor(tag: number | bigint, value: unknown) {
    this.tag = tag;
    this.value = value;
  }
}

/** A simple value to which RFC 8949 assigns no meaning: 0 to 19, or 32 to 255. */
export class CborSimple {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}
