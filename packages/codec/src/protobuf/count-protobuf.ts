import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Maximum depth of messages, as in the library, which refuses deeper messages. */
const MAX_DEPTH = 100;
/** Length of the shortest field: a tag, and one byte. */
const MIN_FIELD_BYTES = 2;

/**
 * Counts the values in messages of one type: each message, each field that its type declares, each field on the wire, and each
 * element of a packed list. Declared fields count because the library fills in lists and defaults.
 */
export class ProtobufCount {
  /** Maximum number of values for each byte of a message. */
  readonly perByte: number;
  private readonly schema: DescMessage;
  private readonly fields = new Map<DescMessage, ReadonlyMap<number, DescField>>();

  constructor(schema: DescMessage) {
    this.schema = schema;
    let most = 0;
    const reachable = new Set([schema]);
    for (const desc of reachable) {
      this.fields.set(desc, new Map(desc.fields.map((field) => [field.number, field])));
      most = Math.max(most, desc.fields.length);
      for (const { message } of desc.fields) if (message !== undefined) reachable.add(message);
    }
    // An entry of a map counts with its key and value. A message as value is made as well.
    this.perByte = (most + 4) / MIN_FIELD_BYTES;
  }

  /** Counts the values of a message. Throws an error for bytes that are not a message of the schema. */
  readonly values = (bytes: Uint8Array): number => {
    const reader = new BinaryReader(bytes);
    return this.message(reader, this.schema, reader.len, 0);
  };

  private message(reader: BinaryReader, desc: DescMessage, end: number, depth: number): number {
    if (depth > MAX_DEPTH) throw new RangeError(`${desc.typeName} is nested too deeply`);
    const fields = this.fields.get(desc)!;
    let values = 1 + fields.size;
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (wireType === WireType.EndGroup) break;
      const field = fields.get(number);
      values += 1;
      if (field?.fieldKind === 'map') values += this.entry(reader, field, depth);
      else if (field?.message !== undefined) {
        const isGroup = 'delimitedEncoding' in field && field.delimitedEncoding;
        const childEnd = isGroup ? reader.len : endOfNext(reader);
        values += this.message(reader, field.message, childEnd, depth + 1);
      } else if (isPacked(field, wireType)) values += packed(reader, wireTypeOf(field));
      else reader.skip(wireType, number);
    }
    return values;
  }

  private entry(
    reader: BinaryReader,
    field: DescField & { readonly fieldKind: 'map' },
    depth: number,
  ): number {
    const end = endOfNext(reader);
    // A missing key or value is made as well.
    let values = 2 + (field.message?.fields.length ?? 0);
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (number === 2 && field.message !== undefined) {
        values += this.message(reader, field.message, endOfNext(reader), depth + 1);
      } else reader.skip(wireType, number);
    }
    return values;
  }
}

function endOfNext(reader: BinaryReader): number {
  const length = reader.uint32();
  return reader.pos + length;
}

function isPacked(field: DescField | undefined, wireType: WireType): field is DescField {
  if (wireType !== WireType.LengthDelimited || field?.fieldKind !== 'list') return false;
  return field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES;
}

/** Counts the elements of a packed list. */
function packed(reader: BinaryReader, wireType: WireType): number {
  const end = endOfNext(reader);
  let elements = 0;
  for (; reader.pos < end; elements++) reader.skip(wireType);
  return elements;
}

/** Returns the wire type of a field. Enums and all scalars without a fixed width are varints. */
function wireTypeOf({ scalar }: DescField): WireType {
  switch (scalar) {
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
