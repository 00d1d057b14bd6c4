import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_struct,
} from '@bufbuild/protobuf/wkt';

const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label;
const { INT64, FIXED32, STRING, GROUP, MESSAGE, BYTES } = FieldDescriptorProto_Type;

function field(
  number: number,
  type: FieldDescriptorProto_Type,
  label = OPTIONAL,
  typeName = '',
  name = `f${number}`,
): FieldDescriptorProto {
  const named = typeName === '' ? {} : { typeName };
  return create(FieldDescriptorProtoSchema, { name, number, label, type, ...named });
}

function entry(name: string, typeName: string): DescriptorProto {
  const key = field(1, STRING, OPTIONAL, '', 'key');
  const value = field(2, MESSAGE, OPTIONAL, typeName, 'value');
  return create(DescriptorProtoSchema, { name, field: [key, value], options: { mapEntry: true } });
}

const M: DescriptorProto = create(DescriptorProtoSchema, {
  name: 'M',
  field: [
    field(1, INT64),
    field(2, STRING),
    field(3, MESSAGE, OPTIONAL, '.m.M'),
    field(4, GROUP, OPTIONAL, '.m.M'),
    field(5, GROUP, REPEATED, '.m.M'),
    field(6, INT64, REPEATED),
    field(7, FIXED32, REPEATED),
    field(8, MESSAGE, REPEATED, '.m.M.Named'),
    field(9, MESSAGE, OPTIONAL, '.google.protobuf.Struct'),
    field(10, BYTES),
    field(11, MESSAGE, REPEATED, '.m.M.Structs'),
    field(12, MESSAGE, REPEATED, '.google.protobuf.Struct'),
  ],
  nestedType: [entry('Named', '.m.M'), entry('Structs', '.google.protobuf.Struct')],
});

/** A message with each kind of field. Its groups are fields 4 and 5. */
export const ALL_FIELDS: DescMessage = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'm.proto',
    package: 'm',
    syntax: 'proto2',
    dependency: ['google/protobuf/struct.proto'],
    messageType: [M],
  }),
  () => file_google_protobuf_struct.proto,
).getMessage('m.M')!;
