import type { ByteInput } from '@headrace/codec';
import { describeFirstBytes } from '@headrace/codec/authoring';
import { DecodeError } from '@headrace/core';

export interface RespLimits {
  readonly maxBulkBytes: number;
  readonly maxElements: number;
  readonly maxDepth: number;
  readonly maxMessageBytes: number;
  readonly maxLineBytes: number;
}

/** The texts of Redis, which follow "Protocol error: ". */
const REDIS_TEXTS: Readonly<Record<keyof RespLimits, string>> = {
  maxBulkBytes: 'invalid bulk length',
  maxElements: 'invalid multibulk length',
  maxDepth: 'too deep',
  maxMessageBytes: 'too big request',
  maxLineBytes: 'too big inline request',
};

const WHAT: Readonly<Record<keyof RespLimits, string>> = {
  maxBulkBytes: 'bytes in a string',
  maxElements: 'elements in an aggregate',
  maxDepth: 'aggregates in each other',
  maxMessageBytes: 'bytes, 64 to 192 for each value included, in a message',
  maxLineBytes: 'bytes in a line',
};

export function tooLong(
  limits: RespLimits,
  limit: keyof RespLimits,
  value: number,
  input?: ByteInput,
): DecodeError {
  const first = input === undefined ? '' : describeFirstBytes(input);
  return new DecodeError(
    'FRAME_TOO_LONG',
    `${value} ${WHAT[limit]} of RESP are more than ${limit}, ${limits[limit]}${first}`,
    { redis: REDIS_TEXTS[limit], limit, value, most: limits[limit] },
  );
}
