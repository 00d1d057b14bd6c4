import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';

/** Maximum depth of messages, as in the library, which refuses deeper messages. */
const MAX_DEPTH = 100;
/** Number of bytes of the longest varint. */
const VARINT_BYTES = 10;

interface WireField {
  readonly wireType: WireType;
  readonly message?: WireMessage | undefined;
  /** The wire type of the elements of a packed list. */
  readonly packed?: WireType;
}

/** A message, or an entry of a map, as its type declares it. */
interface WireMessage {
  readonly typeName: string;
  /** Number of values that the library makes of an empty message: the message, and its lists and defaults. */
  readonly values: number;
  /** Number of values that the library makes of a field on the wire, without its content. */
  readonly perField: number;
  /** By tag: the number and the wire type of a field. */
  readonly fields: Map<number, WireField>;
  readonly numbers: ReadonlySet<number>;
}

/**
 * Counts the values in messages of one type: each message, each field that its type declares, each field on the wire, and each
 * element of a packed list. Declared fields count because the library fills in lists and defaults. Also checks the wire type of
 * each declared field, because the library reads the bytes of another wire type as a value of the field.
 */
export class ProtobufCount {
  private readonly message: WireMessage;
  private readonly known = new Map<DescMessage, WireMessage>();
  private bytes: Uint8Array = new Uint8Array();
  private at = 0;

  constructor(schema: DescMessage) {
    this.message = this.messageOf(schema);
  }

  /** Counts the values of a message. Throws an error for bytes that are not a message of the schema. */
  values(bytes: Uint8Array): number {
    this.bytes = bytes;
    this.at = 0;
    return this.count(this.message, bytes.length, 0);
  }

  private messageOf(desc: DescMessage): WireMessage {
    const known = this.known.get(desc);
    if (known !== undefined) return known;
    const numbers = new Set(desc.fields.map(({ number }) => number));
    const fields = new Map<number, WireField>();
    const values = 1 + numbers.size;
    const message = { typeName: desc.typeName, values, perField: 1, fields, numbers };
    this.known.set(desc, message);
    for (const field of desc.fields) {
      const { number } = field;
      const content = field.fieldKind === 'map' ? this.entryOf(field) : this.contentOf(field);
      fields.set(tagOf(number, content.wireType), content);
      if (field.fieldKind === 'list' && isPackable(content)) {
        const packed = { wireType: WireType.LengthDelimited, packed: content.wireType };
        fields.set(tagOf(number, packed.wireType), packed);
      }
    }
    return message;
  }

  private contentOf(field: DescField): WireField {
    if (field.message === undefined) return { wireType: wireTypeOf(field.scalar) };
    const isGroup = 'delimitedEncoding' in field && field.delimitedEncoding;
    const wireType = isGroup ? WireType.StartGroup : WireType.LengthDelimited;
    return { wireType, message: this.messageOf(field.message) };
  }

  private entryOf(field: DescField & { readonly fieldKind: 'map' }): WireField {
    const key = { wireType: wireTypeOf(field.mapKey) };
    const value = this.contentOf(field);
    const fields = new Map<number, WireField>([
      [tagOf(1, key.wireType), key],
      [tagOf(2, value.wireType), value],
    ]);
    // A missing key or value is made as well.
    const values = 2 + (field.message?.fields.length ?? 0);
    const typeName = `${field.parent.typeName}.${field.name}`;
    const message = { typeName, values, perField: 0, fields, numbers: new Set([1, 2]) };
    return { wireType: WireType.LengthDelimited, message };
  }

  /** Counts the values up to the end, or to the end of the group. */
  private count(message: WireMessage, end: number, depth: number): number {
    if (depth > MAX_DEPTH) throw new RangeError(`${message.typeName} is nested too deeply`);
    let { values } = message;
    while (this.at < end) {
      const tag = this.varint();
      const wireType = tag & 7;
      if (wireType === WireType.EndGroup) break;
      const field = message.fields.get(tag);
      values += message.perField;
      if (field === undefined) {
        if (message.numbers.has(tag >>> 3)) throw wrongType(message, tag);
        this.skip(wireType, depth);
      } else if (field.message !== undefined) {
        const isGroup = wireType === WireType.StartGroup;
        const childEnd = isGroup ? end : this.endOfNext();
        values += this.count(field.message, childEnd, depth + 1);
      } else if (field.packed !== undefined) values += this.countPacked(field.packed);
      else this.skip(wireType, depth);
    }
    return values;
  }

  private countPacked(wireType: WireType): number {
    const end = this.endOfNext();
    let elements = 0;
    for (; this.at < end; elements++) this.skip(wireType, 0);
    return elements;
  }

  private skip(wireType: number, depth: number): void {
    if (wireType === WireType.Varint) this.varint();
    else if (wireType === WireType.Bit64) this.at += 8;
    else if (wireType === WireType.Bit32) this.at += 4;
    else if (wireType === WireType.LengthDelimited) this.at = this.endOfNext();
    else if (wireType === WireType.StartGroup) this.count(UNKNOWN, this.bytes.length, depth + 1);
    else throw new RangeError(`a field has the wire type ${wireType}`);
  }

  private endOfNext(): number {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.bytes.length) throw new RangeError('a field ends after the message');
    return end;
  }

  /** Reads the lower 32 bits of a varint. */
  private varint(): number {
    const { bytes } = this;
    let value = 0;
    for (let i = 0; i < VARINT_BYTES; i++) {
      const byte = bytes[this.at++];
      if (byte === undefined) break;
      if (i < 5) value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError('a number does not end');
  }
}

/** A group that the schema does not declare. */
const UNKNOWN: WireMessage = {
  typeName: 'a group',
  values: 0,
  perField: 0,
  fields: new Map(),
  numbers: new Set(),
};

function tagOf(number: number, wireType: WireType): number {
  return number * 8 + wireType;
}

function isPackable({ wireType, message }: WireField): boolean {
  return message === undefined && wireType !== WireType.LengthDelimited;
}

function wrongType({ typeName }: WireMessage, tag: number): Error {
  return new Error(`field ${tag >>> 3} of ${typeName} has the wrong wire type ${tag & 7}`);
}

/** Returns the wire type of a scalar. An enum has no scalar, and is a varint, as all scalars without a fixed width. */
function wireTypeOf(scalar: ScalarType | undefined): WireType {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}
