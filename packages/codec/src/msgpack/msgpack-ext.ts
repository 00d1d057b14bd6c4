/** A value of an extension of MessagePack: a type of the application, or a time that a `Date` cannot represent. */
export class MsgpackExt {
  /** Type of the value, -128 to 127. The format itself uses -1 for times. */
  readonly type: number;
  /** Content of the value. The content of a received value is a view of its message. */
  readonly data: Uint8Array;

  constructor(type: number, data: Uint8Array) {
    this.type = type;
    this.data = data;
  }
}

/** Type of a time. */
export const TIME_TYPE = -1;
