// Schemas and messages by chance: nearly right bytes, in which one thing is wrong now and then.
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  ScalarType,
} from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  Edition,
  FeatureSet_MessageEncoding,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
  FieldDescriptorProto_Label as Label,
  OneofDescriptorProtoSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';

export type Syntax = 'proto2' | 'proto3' | 'editions';

/** What every schema imports. */
export const IMPORTED: readonly FileDescriptorProto[] = [
  file_google_protobuf_struct.proto,
  file_google_protobuf_wrappers.proto,
];

const MESSAGES = ['.test.A', '.test.B'];
const TYPES = [...MESSAGES, '.google.protobuf.Struct', '.google.protobuf.Int64Value'];
const SCALARS = [
  Type.INT32,
  Type.UINT64,
  Type.SINT64,
  Type.BOOL,
  Type.FIXED32,
  Type.DOUBLE,
  Type.STRING,
  Type.BYTES,
];

interface FieldPlan {
  readonly shape: 'one' | 'list' | 'oneof' | 'map' | 'group' | 'groups';
  readonly type: number;
  readonly number: number;
}

const fieldPlan: fc.Arbitrary<FieldPlan> = fc.record({
  shape: fc.constantFrom('one', 'list', 'oneof', 'map', 'group', 'groups'),
  type: fc.nat(SCALARS.length + 2 * TYPES.length),
  number: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(2047, 2 ** 29 - 1)),
});

function describeField(plan: FieldPlan, syntax: Syntax, into: DescriptorProto): void {
  const { shape, number } = plan;
  const isGroup = shape.startsWith('group') && syntax !== 'proto3';
  const scalar = isGroup ? undefined : SCALARS[plan.type];
  const inTypes = plan.type % (isGroup ? MESSAGES.length : TYPES.length);
  const content = {
    name: `f${number}`,
    number,
    label: shape.endsWith('s') || shape === 'list' ? Label.REPEATED : Label.OPTIONAL,
    type: scalar ?? (isGroup && syntax === 'proto2' ? Type.GROUP : Type.MESSAGE),
    ...(scalar === undefined ? { typeName: TYPES[inTypes]! } : {}),
  } satisfies Partial<FieldDescriptorProto>;
  if (shape === 'map') {
    const key = { name: 'key', number: 1, label: Label.OPTIONAL, type: Type.STRING };
    const value = { ...content, name: 'value', number: 2, label: Label.OPTIONAL };
    into.nestedType.push(
      create(DescriptorProtoSchema, {
        name: `F${number}Entry`,
        field: [key, value],
        options: { mapEntry: true },
      }),
    );
    const typeName = `.test.${into.name}.F${number}Entry`;
    const field = { ...content, label: Label.REPEATED, type: Type.MESSAGE, typeName };
    into.field.push(create(FieldDescriptorProtoSchema, field));
    return;
  }
  const field = create(FieldDescriptorProtoSchema, content);
  if (shape === 'oneof') field.oneofIndex = 0;
  if (isGroup && syntax === 'editions') {
    const features = { messageEncoding: FeatureSet_MessageEncoding.DELIMITED };
    field.options = create(FieldOptionsSchema, { features });
  }
  into.field.push(field);
}

/** A file with two messages that contain each other, and types of Google whose values are not messages. */
export function schemaFile(syntax: Syntax): fc.Arbitrary<FileDescriptorProto> {
  const plans = fc.uniqueArray(fieldPlan, {
    minLength: 1,
    maxLength: 8,
    selector: (f) => f.number,
  });
  return fc.tuple(plans, plans).map((messages) => {
    const messageType = messages.map((fields, at) => {
      const message = create(DescriptorProtoSchema, { name: MESSAGES[at]!.slice(6) });
      // The fields of a oneof stand together.
      const [inOneof, others] = [true, false].map((is) =>
        fields.filter(({ shape }) => (shape === 'oneof') === is),
      );
      for (const field of [...inOneof!, ...others!]) describeField(field, syntax, message);
      if (inOneof!.length > 0) {
        message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: 'one' }));
      }
      return message;
    });
    return create(FileDescriptorProtoSchema, {
      name: 'test.proto',
      package: 'test',
      syntax,
      ...(syntax === 'editions' ? { edition: Edition.EDITION_2023 } : {}),
      dependency: IMPORTED.map(({ name }) => name),
      messageType,
    });
  });
}

export function messageIn(file: FileDescriptorProto): DescMessage {
  const find = (wanted: string) => IMPORTED.find(({ name }) => name === wanted);
  return createFileRegistry(file, find).getMessage('test.A')!;
}

/** A schema, and bytes for its message. */
export function schemaAndBytes(
  ...syntaxes: readonly Syntax[]
): fc.Arbitrary<readonly [FileDescriptorProto, Buffer]> {
  return fc
    .tuple(
      fc.constantFrom(...syntaxes).chain(schemaFile),
      fc.uint8Array({ maxLength: 200, size: 'max' }),
    )
    .map(([file, tape]) => [file, new WireWriter(tape).message(messageIn(file))] as const);
}

/** A varint, longer than need be by `more` bytes. */
export function varint(value: number, more = 0): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(more > 0 ? rest | 128 : rest);
  for (let left = more - 1; left >= 0; left--) bytes.push(left > 0 ? 128 : 0);
  return bytes;
}

const MAX_DEPTH = 6;

/** Writes a message as the bytes of a tape say; after its end, nothing more. */
class WireWriter {
  private readonly tape: Uint8Array;
  private at = 0;

  constructor(tape: Uint8Array) {
    this.tape = tape;
  }

  message(desc: DescMessage): Buffer {
    return Buffer.from(this.fields(desc, 0));
  }

  private next(): number {
    return this.tape[this.at++] ?? 0;
  }

  /** True once in so many times, while there is tape. */
  private isOneIn(many: number): boolean {
    return this.next() % many === many - 1;
  }

  private fields(desc: DescMessage | undefined, depth: number): number[] {
    const bytes: number[] = [];
    for (let count = depth === 0 ? 20 : this.next() % 4; count > 0; count--) {
      if (this.at >= this.tape.length) break;
      const field = desc?.fields[this.next() % (desc.fields.length + 1)];
      bytes.push(...(field === undefined ? this.unknown(depth) : this.known(field, depth)));
    }
    return bytes;
  }

  private tag(number: number, wireType: number): number[] {
    if (this.isOneIn(40)) return this.wrongTag(number, wireType);
    return varint(number * 8 + wireType);
  }

  private wrongTag(number: number, wireType: number): number[] {
    const kinds = [
      varint(number * 8 + (this.next() % 8)),
      varint(number * 8 + WireType.EndGroup),
      varint(wireType),
      varint(2 ** 32 + number * 8 + wireType),
      varint(number * 8 + wireType, 1 + (this.next() % 6)),
    ];
    return kinds[this.next() % kinds.length]!;
  }

  /** Content with its length, which is wrong now and then. */
  private lengthy(content: readonly number[]): number[] {
    let { length } = content;
    if (this.isOneIn(20)) length = Math.max(0, length + (this.next() % 9) - 4);
    if (this.isOneIn(60)) length += 2 ** 32 * (this.next() % 2);
    // C++ takes no length of more than five bytes.
    return [...varint(length, this.isOneIn(40) ? this.next() % 4 : 0), ...content];
  }

  private group(number: number, content: readonly number[]): number[] {
    if (this.isOneIn(20)) return [...content];
    return [...content, ...varint((this.isOneIn(20) ? 1 : number) * 8 + WireType.EndGroup)];
  }

  private unknown(depth: number): number[] {
    const number = 21 + (this.next() % 3);
    const wireType = [0, 1, 2, 3, 5][this.next() % 5]!;
    return [...this.tag(number, wireType), ...this.content(wireType, number, depth)];
  }

  private content(wireType: number, number: number, depth: number): number[] {
    if (wireType === WireType.Varint)
      return varint(this.next(), this.isOneIn(20) ? this.next() % 12 : 0);
    if (wireType === WireType.Bit64) return Array.from({ length: 8 }, () => this.next());
    if (wireType === WireType.Bit32) return Array.from({ length: 4 }, () => this.next());
    if (wireType === WireType.LengthDelimited) {
      return this.lengthy(Array.from({ length: this.next() % 4 }, () => this.next() & 127));
    }
    return this.group(number, depth < MAX_DEPTH ? this.fields(undefined, depth + 1) : []);
  }

  private known(field: DescField, depth: number): number[] {
    const { number } = field;
    const message = 'message' in field ? field.message : undefined;
    if (field.fieldKind === 'map') {
      const key = this.isOneIn(8) ? [] : [0x0a, 1, 97 + (this.next() % 3)];
      const wireType = message === undefined ? wireTypeOf(field.scalar) : WireType.LengthDelimited;
      const values = Array.from({ length: this.next() % 3 }, () => [
        ...this.tag(2, wireType),
        ...(message === undefined
          ? this.content(wireType, 2, depth)
          : this.lengthy(this.fields(message, depth + 1))),
      ]).flat();
      return [...this.tag(number, 2), ...this.lengthy([...key, ...values])];
    }
    if (message !== undefined) {
      const content = depth < MAX_DEPTH ? this.fields(message, depth + 1) : [];
      const isGroup = 'delimitedEncoding' in field && field.delimitedEncoding;
      if (isGroup) return [...this.tag(number, 3), ...this.group(number, content)];
      return [...this.tag(number, 2), ...this.lengthy(content)];
    }
    const wireType = wireTypeOf(field.scalar);
    const isPacked = field.fieldKind === 'list' && wireType !== 2 && this.isOneIn(2);
    if (!isPacked) return [...this.tag(number, wireType), ...this.content(wireType, number, depth)];
    const elements = Array.from({ length: this.next() % 4 }, () =>
      this.content(wireType, number, depth),
    );
    return [...this.tag(number, 2), ...this.lengthy(elements.flat())];
  }
}

function wireTypeOf(scalar: ScalarType | undefined): WireType {
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return WireType.LengthDelimited;
  if (scalar === ScalarType.DOUBLE) return WireType.Bit64;
  return scalar === ScalarType.FIXED32 ? WireType.Bit32 : WireType.Varint;
}
