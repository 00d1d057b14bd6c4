import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Measured: a message with 43 empty lists takes 4,560 bytes, an unknown field 160. */
const MESSAGE_BYTES = 72;
/** From 12 fields on V8 makes the message a dictionary, whose capacity is a power of two. */
const FIELD_BYTES = 64;
const LIST_BYTES = 40;
const MAP_BYTES = 72;
const ONEOF_BYTES = 56;
/** A place in a list, or in an object; a number that is no small integer. */
const ELEMENT_BYTES = 16;
const NUMBER_BYTES = 24;
const BIGINT_BYTES = 40;
const TEXT_BYTES = 40;
const BYTES_BYTES = 128;
const ENTRY_BYTES = 112;
const UNKNOWN_BYTES = 232;
/** As in the library, which refuses deeper messages. */
const MAX_DEPTH = 100;
/** The shortest field has two bytes. */
const MIN_FIELD_BYTES = 2;
/** What a message that is not examined may take, in times of `maxHeapBytes`. */
const ALLOWANCE = 3;

/** What the estimate needs of one type of message. */
interface Shape {
  /** What a message takes before any of its fields is read: the library fills in lists and defaults. */
  readonly emptyBytes: number;
  readonly fields: ReadonlyMap<number, DescField>;
}

const shapes = new WeakMap<DescMessage, Shape>();

function shapeOf(desc: DescMessage): Shape {
  let shape = shapes.get(desc);
  if (shape === undefined) {
    const fields = new Map(desc.fields.map((field) => [field.number, field]));
    shape = { emptyBytes: emptyBytesOf(desc), fields };
    shapes.set(desc, shape);
  }
  return shape;
}

function emptyBytesOf(desc: DescMessage): number {
  let bytes = MESSAGE_BYTES;
  for (const member of desc.members) {
    bytes += FIELD_BYTES;
    if (member.kind === 'oneof') bytes += ONEOF_BYTES;
    else if (member.fieldKind === 'list') bytes += LIST_BYTES;
    else if (member.fieldKind === 'map') bytes += MAP_BYTES;
  }
  return bytes;
}

/** How much messages of one type take on the heap. Codecs of the same type share one. */
export class ProtobufHeap {
  private static readonly made = new WeakMap<DescMessage, ProtobufHeap>();

  /** For `checkHeap`: no byte of a message takes more than three times this. */
  readonly perByte: number;
  /** About what a message takes on the heap. Throws for what is no such message. */
  readonly estimate: (bytes: Uint8Array) => number;

  private constructor(schema: DescMessage) {
    this.perByte = largestOf(schema) / MIN_FIELD_BYTES / ALLOWANCE;
    this.estimate = (bytes) => new HeapEstimate(bytes).of(schema);
  }

  static of(schema: DescMessage): ProtobufHeap {
    let heap = ProtobufHeap.made.get(schema);
    if (heap === undefined) {
      heap = new ProtobufHeap(schema);
      ProtobufHeap.made.set(schema, heap);
    }
    return heap;
  }
}

/** What the most expensive field takes, in any message that this type can contain. */
function largestOf(schema: DescMessage): number {
  let largest = UNKNOWN_BYTES;
  const reachable = new Set([schema]);
  for (const desc of reachable) {
    largest = Math.max(largest, shapeOf(desc).emptyBytes + ENTRY_BYTES);
    for (const { message } of desc.fields) if (message !== undefined) reachable.add(message);
  }
  return largest;
}

/** Goes through a message as the library does, by the kind of each field, and adds up what it makes. */
class HeapEstimate {
  private total = 0;
  private readonly reader: BinaryReader;

  constructor(bytes: Uint8Array) {
    this.reader = new BinaryReader(bytes);
  }

  of(schema: DescMessage): number {
    this.message(schema, this.reader.len, 0);
    return this.total;
  }

  /** A message up to `end`, or up to the end of its group. */
  private message(desc: DescMessage, end: number, depth: number): void {
    const { reader } = this;
    const { emptyBytes, fields } = shapeOf(desc);
    this.total += emptyBytes;
    if (depth > MAX_DEPTH) throw new RangeError(`${desc.typeName} is nested too deeply`);
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (wireType === WireType.EndGroup) return;
      const field = fields.get(number);
      if (field === undefined) this.unknown(wireType, number);
      else this.field(field, wireType, depth);
    }
  }

  private field(field: DescField, wireType: WireType, depth: number): void {
    switch (field.fieldKind) {
      case 'message':
        this.child(field, field.message, depth);
        break;
      case 'map':
        this.entry(field, depth);
        break;
      case 'list':
        this.total += ELEMENT_BYTES;
        if (field.listKind === 'message') this.child(field, field.message, depth);
        else if (wireType === WireType.LengthDelimited && isPackable(field.scalar)) {
          this.packed(scalarOf(field));
        } else this.scalar(scalarOf(field));
        break;
      default:
        // Unknown values of a closed enum become unknown fields.
        if (field.fieldKind === 'enum' && !field.enum.open) this.total += UNKNOWN_BYTES;
        this.scalar(scalarOf(field));
    }
  }

  private child(field: DescField, desc: DescMessage, depth: number): void {
    const { reader } = this;
    const isGroup = 'delimitedEncoding' in field && field.delimitedEncoding;
    this.message(desc, isGroup ? reader.len : this.endOfNext(), depth + 1);
  }

  private entry(field: DescField & { readonly fieldKind: 'map' }, depth: number): void {
    const { reader } = this;
    const end = this.endOfNext();
    this.total += ENTRY_BYTES;
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (number === 1) this.scalar(field.mapKey);
      else if (number !== 2) reader.skip(wireType, number);
      else if (field.mapKind === 'message')
        this.message(field.message, this.endOfNext(), depth + 1);
      else this.scalar(scalarOf(field));
    }
    // A value that is missing is made all the same.
    if (field.mapKind === 'message') this.total += shapeOf(field.message).emptyBytes;
  }

  private scalar(type: ScalarType): void {
    this.total += scalarBytes(type);
    const { reader } = this;
    if (type === ScalarType.STRING || type === ScalarType.BYTES) {
      const from = reader.pos;
      reader.skip(WireType.LengthDelimited);
      this.total += (type === ScalarType.STRING ? 2 : 1) * (reader.pos - from);
    } else reader.skip(wireTypeOf(type));
  }

  private packed(type: ScalarType): void {
    const { reader } = this;
    const end = this.endOfNext();
    const wireType = wireTypeOf(type);
    const each = ELEMENT_BYTES + scalarBytes(type);
    while (reader.pos < end) {
      reader.skip(wireType);
      this.total += each;
    }
  }

  private unknown(wireType: WireType, number: number): void {
    this.total += UNKNOWN_BYTES;
    this.reader.skip(wireType, number);
  }

  private endOfNext(): number {
    const length = this.reader.uint32();
    return this.reader.pos + length;
  }
}

/** Enums are read as numbers. */
function scalarOf(field: DescField): ScalarType {
  return field.scalar ?? ScalarType.INT32;
}

function isPackable(type: ScalarType | undefined): boolean {
  return type !== ScalarType.STRING && type !== ScalarType.BYTES;
}

/** Beside the bytes of a text or of bytes. */
function scalarBytes(type: ScalarType): number {
  switch (type) {
    case ScalarType.STRING:
      return TEXT_BYTES;
    case ScalarType.BYTES:
      return BYTES_BYTES;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return BIGINT_BYTES;
    case ScalarType.BOOL:
      return 0;
    default:
      return NUMBER_BYTES;
  }
}

function wireTypeOf(type: ScalarType): WireType {
  switch (type) {
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
