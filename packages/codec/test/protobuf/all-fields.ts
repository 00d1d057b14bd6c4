import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, file_google_protobuf_struct } from '@bufbuild/protobuf/wkt';

const OPTIONAL = 1;
const REPEATED = 3;
const [INT64, FIXED32, STRING, GROUP, MESSAGE, BYTES] = [3, 7, 9, 10, 11, 12];

/** A message with each kind of field. Its groups are fields 4 and 5. */
export const ALL_FIELDS: DescMessage = (() => {
  const field = (number: number, type: number | undefined, label = OPTIONAL, typeName = '') => ({
    name: `f${number}`,
    number,
    label,
    type,
    ...(typeName === '' ? {} : { typeName }),
  });
  const entry = (
    name: string,
    ...value: [type: number | undefined, label: number, typeName?: string]
  ) => ({
    name,
    field: [
      { ...field(1, STRING), name: 'key' },
      { ...field(2, ...value), name: 'value' },
    ],
    options: { mapEntry: true },
  });
  const file = create(FileDescriptorProtoSchema, {
    name: 'm.proto',
    package: 'm',
    syntax: 'proto2',
    dependency: ['google/protobuf/struct.proto'],
    messageType: [
      {
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
        nestedType: [
          entry('Named', MESSAGE, OPTIONAL, '.m.M'),
          entry('Structs', MESSAGE, OPTIONAL, '.google.protobuf.Struct'),
        ],
      },
    ],
  });
  return createFileRegistry(file, () => file_google_protobuf_struct.proto).getMessage('m.M')!;
})();
