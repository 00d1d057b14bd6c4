import {
  encodeResp,
  RespDecoder,
  RespError,
  type RespInput,
  RespNull,
  RespSimple,
  type RespValue,
} from '@headrace/resp';
import { decodedBy } from '../decoder-run.ts';
import { messageFamily } from '../family.ts';

/** A message as the files write it. */
type Message =
  | { readonly type: 'simple' | 'error' | 'integer'; readonly value: string }
  | { readonly type: 'bulk'; readonly hex: string | null }
  | { readonly type: 'array'; readonly items: readonly Message[] | null };

export const redisResp = messageFamily<Message>(
  (messages) => Buffer.concat(messages.map((one) => encodeResp(ours(one)))).toString('hex'),
  (bytes) => decodedBy<RespValue>(new RespDecoder(), bytes).map(theirs),
);

function ours(message: Message): RespInput {
  switch (message.type) {
    case 'simple':
      return new RespSimple(message.value);
    case 'error':
      return new RespError(message.value);
    case 'integer':
      return BigInt(message.value);
    case 'bulk':
      return message.hex === null ? RespNull.STRING : Buffer.from(message.hex, 'hex');
    default:
      return message.items === null ? RespNull.ARRAY : message.items.map(ours);
  }
}

function theirs(value: RespValue): Message {
  if (Buffer.isBuffer(value)) return { type: 'bulk', hex: value.toString('hex') };
  if (Array.isArray(value)) return { type: 'array', items: value.map(theirs) };
  if (value instanceof RespSimple) return { type: 'simple', value: value.text };
  if (value instanceof RespError) return { type: 'error', value: value.text };
  if (value instanceof RespNull) {
    return value.kind === 'string' ? { type: 'bulk', hex: null } : { type: 'array', items: null };
  }
  return { type: 'integer', value: String(value) };
}
