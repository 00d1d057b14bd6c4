import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';

/** Maximum depth of messages and groups in a message: one more than in the library. An entry of a map has no depth of its own. */
const MAX_DEPTH = 100;
/** Number of bytes of the longest varint. */
const VARINT_BYTES = 10;
/** Number of bytes of the longest tag. */
const TAG_BYTES = 5;
const MAX_TAG = 0xffff_ffff;
/** The bit for all further fields, after one for each of the first 31. */
const LAST_BIT = 31;

interface WireField {
  readonly wireType: WireType;
  readonly message?: WireMessage | undefined;
  /** The wire type of the elements of a packed list. */
  readonly packed?: WireType;
  /** True for an entry of a map. */
  readonly isEntry?: boolean;
  /** For a message whose second occurrence is merged into the first: its bit, which several fields may share. */
  readonly merged?: number;
  /** True if the library holds the message as JSON, and converts all of it when the field occurs again. */
  readonly isJson?: boolean;
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
 * element of a packed list. Declared fields count because the library fills in lists and defaults.
 *
 * The library must not make more than this count, so both must read the same bytes as the same fields. The library alone reads a
 * field past the end of its message, the end of a group as a value, and the bytes of another wire type as a value of a declared
 * field. Therefore the count refuses them: everything lies within the innermost open message, the end of a group has the number of
 * the innermost open group, and declared fields have their wire type.
 */
export class ProtobufCount {
  private readonly message: WireMessage;
  private readonly known = new Map<DescMessage, WireMessage>();
  private bytes: Uint8Array = new Uint8Array();
  private at = 0;
  /** Number of values that the library makes again, when it converts a message from JSON. */
  private again = 0;

  constructor(schema: DescMessage) {
    this.message = this.messageOf(schema);
  }

  /** Counts the values of a message. Throws an error for bytes that are not a message of the schema. */
  values(bytes: Uint8Array): number {
    this.bytes = bytes;
    this.at = 0;
    this.again = 0;
    return this.count(this.message, bytes.length, 0, 0, 0) + this.again;
  }

  private messageOf(desc: DescMessage): WireMessage {
    const known = this.known.get(desc);
    if (known !== undefined) return known;
    const numbers = new Set(desc.fields.map(({ number }) => number));
    const fields = new Map<number, WireField>();
    const values = 1 + numbers.size;
    const message = { typeName: desc.typeName, values, perField: 1, fields, numbers };
    this.known.set(desc, message);
    let singular = 0;
    for (const field of desc.fields) {
      const { number } = field;
      const merged = field.fieldKind === 'message' ? 1 << Math.min(singular++, LAST_BIT) : 0;
      const content =
        field.fieldKind === 'map' ? this.entryOf(field) : this.contentOf(field, merged);
      fields.set(tagOf(number, content.wireType), content);
      if (field.fieldKind === 'list' && isPackable(content)) {
        const packed = { wireType: WireType.LengthDelimited, packed: content.wireType };
        fields.set(tagOf(number, packed.wireType), packed);
      }
    }
    return message;
  }

  private contentOf(field: DescField, merged: number): WireField {
    if (field.message === undefined) return { wireType: wireTypeOf(field.scalar) };
    const isGroup = 'delimitedEncoding' in field && field.delimitedEncoding;
    const wireType = isGroup ? WireType.StartGroup : WireType.LengthDelimited;
    const isJson = field.message.typeName === 'google.protobuf.Struct';
    return { wireType, message: this.messageOf(field.message), merged, isJson };
  }

  private entryOf(field: DescField & { readonly fieldKind: 'map' }): WireField {
    const key = { wireType: wireTypeOf(field.mapKey) };
    const value = this.contentOf(field, 1);
    const fields = new Map<number, WireField>([
      [tagOf(1, key.wireType), key],
      [tagOf(2, value.wireType), value],
    ]);
    // A missing key or value is made as well.
    const values = 2 + (field.message?.fields.length ?? 0);
    const typeName = `${field.parent.typeName}.${field.name}`;
    const message = { typeName, values, perField: 0, fields, numbers: new Set([1, 2]) };
    return { wireType: WireType.LengthDelimited, message, isEntry: true };
  }

  /**
   * Counts the values up to the end, or to the end of the group with this number, which comes before. `before` is the number of
   * values that the message can have from earlier occurrences.
   */
  private count(
    message: WireMessage,
    end: number,
    group: number,
    depth: number,
    before: number,
  ): number {
    if (depth > MAX_DEPTH) throw new RangeError(`${message.typeName} is nested too deeply`);
    let { values } = message;
    let occurred = 0;
    while (this.at < end) {
      const tag = this.tag(end);
      const number = tag >>> 3;
      if ((tag & 7) === WireType.EndGroup) {
        if (number === group) return values;
        throw new RangeError(
          `${message.typeName} has the end of group ${number}, which is not open`,
        );
      }
      const field = message.fields.get(tag);
      values += message.perField;
      if (field === undefined) {
        if (message.numbers.has(number)) throw wrongType(message, tag);
        this.skip(tag, end, depth);
      } else if (field.message !== undefined) {
        const { merged = 0 } = field;
        let earlier = 0;
        if (merged !== 0) earlier = (occurred & merged) === 0 ? before : before + values;
        occurred |= merged;
        if (field.isJson === true) this.again += earlier;
        const isGroup = field.wireType === WireType.StartGroup;
        const childEnd = isGroup ? end : this.endOfNext(end);
        const childDepth = field.isEntry === true ? depth : depth + 1;
        values += this.count(field.message, childEnd, isGroup ? number : 0, childDepth, earlier);
      } else if (field.packed !== undefined) values += this.countPacked(field.packed, end);
      else this.skip(tag, end, depth);
    }
    if (group !== 0) throw new RangeError(`group ${group} does not end within its message`);
    return values;
  }

  private countPacked(wireType: WireType, end: number): number {
    const listEnd = this.endOfNext(end);
    let elements = 0;
    for (; this.at < listEnd; elements++) this.skip(wireType, listEnd, 0);
    return elements;
  }

  private skip(tag: number, end: number, depth: number): void {
    const wireType = tag & 7;
    if (wireType === WireType.Varint) this.varint(end);
    else if (wireType === WireType.Bit64) this.at = this.endOf(8, end);
    else if (wireType === WireType.Bit32) this.at = this.endOf(4, end);
    else if (wireType === WireType.LengthDelimited) this.at = this.endOfNext(end);
    else if (wireType === WireType.StartGroup) this.count(UNKNOWN, end, tag >>> 3, depth + 1, 0);
    else throw new RangeError(`a field has the wire type ${wireType}`);
  }

  private endOfNext(end: number): number {
    return this.endOf(this.varint(end), end);
  }

  private endOf(length: number, end: number): number {
    if (this.at + length > end) throw new RangeError('a field ends after its message');
    return this.at + length;
  }

  private tag(end: number): number {
    const start = this.at;
    const tag = this.varint(end);
    if (tag > MAX_TAG || tag < 8 || this.at - start > TAG_BYTES) {
      throw new RangeError(`a field has the tag ${tag}`);
    }
    return tag;
  }

  /** Reads a varint. A number over 2 ** 53 is only nearly exact. */
  private varint(end: number): number {
    const last = Math.min(end, this.at + VARINT_BYTES);
    let value = 0;
    for (let unit = 1; this.at < last; unit *= 128) {
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
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
