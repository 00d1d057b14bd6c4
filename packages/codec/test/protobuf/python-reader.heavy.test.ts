// Google's own reader judges ours: what the walk refuses, it refuses, and what both take are the same fields.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEED } from '../../../core/test/fixture/seed.ts';
import { ProtobufCount } from '../../src/protobuf/count-protobuf.ts';
import { IMPORTED, messageIn, schemaAndBytes } from './wire-input.ts';

/** Debian's packages for Python belong to its own Python, which another one can hide. */
const python = ['python3', '/usr/bin/python3'].find(
  (program) => spawnSync(program, ['-c', 'import google.protobuf']).status === 0,
);
const absent = python === undefined ? ' (needs protobuf for Python; Debian: python3-protobuf)' : '';

const COUNT = 10_000;
/** U+FFFD, with which the library replaces bytes that are no text, where proto2 allows them. */
const NO_TEXT = 'efbfbd';
const reader = fileURLToPath(new URL('./reader.py', import.meta.url));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface Verdict {
  readonly walk: string;
  /** The known fields that the library reads, if it takes the bytes. */
  readonly fields?: Uint8Array;
}

function ours(file: FileDescriptorProto, bytes: Uint8Array): Verdict {
  const schema = messageIn(file);
  let walk = 'taken';
  try {
    new ProtobufCount(schema).values(bytes);
  } catch (error) {
    walk = (error as Error).message;
  }
  try {
    const fields = toBinary(schema, fromBinary(schema, bytes), { writeUnknownFields: false });
    return { walk, fields };
  } catch {
    return { walk };
  }
}

/** True for maps, of which C++ writes a key twice, and for JSON, which has no value without a kind. */
function isWrittenInAnotherWay(file: FileDescriptorProto): boolean {
  return file.messageType.some(
    ({ field, nestedType }) =>
      nestedType.length > 0 || field.some(({ typeName }) => typeName.endsWith('Struct')),
  );
}

describe.runIf(absent === '')(`Protocol Buffers in Python${absent}`, () => {
  it('refuses what the walk refuses, and reads the same fields', () => {
    const inputs = fc.sample(schemaAndBytes('proto2', 'proto3'), { seed: SEED, numRuns: COUNT });
    const imported = IMPORTED.map((file) => hexOf(toBinary(FileDescriptorProtoSchema, file)));
    const verdicts = inputs.map(([file, bytes]) => ours(file, bytes));
    const lines = inputs.map(([file, bytes], at) => {
      const files = [...imported, hexOf(toBinary(FileDescriptorProtoSchema, file))].join(' ');
      return [files, hexOf(bytes), hexOf(verdicts[at]?.fields ?? Buffer.alloc(0))].join(';');
    });
    const { stdout, stderr, status } = spawnSync(python!, [reader], {
      input: lines.join('\n'),
      maxBuffer: 2 ** 30,
    });
    expect(status, String(stderr)).toBe(0);
    const found = { refused: 0, taken: 0, otherType: 0 };
    const faults: string[] = [];
    for (const [at, line] of String(stdout).trimEnd().split('\n').entries()) {
      const [theirs, again] = line.split(';');
      const { walk, fields } = verdicts[at]!;
      const [file, bytes] = inputs[at]!;
      const shown = `${JSON.stringify(file.messageType)} ${hexOf(bytes)}: ${walk}; Python ${theirs}, ours ${again}`;
      if (fields === undefined) continue;
      // A field of another wire type is unknown to Python, and another value to the library.
      if (walk.includes('wrong wire type')) found.otherType++;
      else if (walk !== 'taken') {
        found.refused++;
        if (theirs !== 'refused') faults.push(`refused by the walk alone: ${shown}`);
      } else if (!isWrittenInAnotherWay(file) && !again!.includes(NO_TEXT)) {
        found.taken++;
        if (theirs !== again) faults.push(`read in another way: ${shown}`);
      }
    }
    expect(faults.slice(0, 5).join('\n')).toBe('');
    for (const times of Object.values(found)) expect(times).toBeGreaterThan(50);
  });
});
