import { jsonSize } from '@headrace/handlers/call';
import type { ItemWindow } from '../items/item-writer.ts';
import { invalidMessage } from './exchange-error.ts';
import type { CallEnd, ExchangeId, StreamFormat, StreamSink } from './exchange-format.ts';
import {
  checkCall,
  type JsonRpcExchange,
  type Members,
  notificationMessage,
  requestMessage,
  resultOf,
} from './json-rpc-message.ts';

/** Name of the member of a request that opens a stream. */
export const STREAM = '$stream';

const PREFIX = '$/stream/';
const MAX_ITEMS = 0xffff_ffff;

const ITEM: Readonly<Record<CallEnd, string>> = {
  caller: `${PREFIX}input`,
  answerer: `${PREFIX}item`,
};
const CREDIT: Readonly<Record<CallEnd, string>> = {
  caller: `${PREFIX}credit`,
  answerer: `${PREFIX}inputCredit`,
};
const INPUT_END = `${PREFIX}inputEnd`;
const INPUT_WINDOW = `${PREFIX}inputWindow`;

/** The stream messages of JSON-RPC: notifications with the id of the call, like `$/cancelRequest`. */
export const JSON_RPC_STREAMS: StreamFormat<JsonRpcExchange> = {
  open: (id, call, timeLeftMs, window, sendsItems) => ({
    ...requestMessage(id, checkCall(call), timeLeftMs),
    [STREAM]: { items: window?.items ?? 0, bytes: window?.bytes ?? 0, input: sendsItems },
  }),
  item: (id, from, item) => notificationMessage(ITEM[from], { id, item: resultOf(item) }),
  inputEnd: (id) => notificationMessage(INPUT_END, { id }),
  credit: (id, from, taken) => notificationMessage(CREDIT[from], { id, taken }),
  window: (id, { items, bytes }) => notificationMessage(INPUT_WINDOW, { id, items, bytes }),
  sizeOf: jsonSize,
  isItem: (result) => result !== null,
};

/** Reads the streams of a call from its request. */
export function streamOf(
  members: Members,
): { window: ItemWindow | undefined; sendsItems: boolean } | undefined {
  const stream = members[STREAM];
  if (stream === undefined) return undefined;
  const { items, bytes, input } = (stream ?? {}) as Members;
  const takesItems = items !== 0;
  if (typeof input !== 'boolean' || (takesItems && !(isCount(items) && isCount(bytes)))) {
    throw invalidMessage(members, `${STREAM} needs items, bytes and input`);
  }
  const window = takesItems ? { items: items as number, bytes: bytes as number } : undefined;
  return { window, sendsItems: input };
}

type Read = (id: ExchangeId, params: Members, sink: StreamSink<JsonRpcExchange>) => boolean;

/** Readers of the messages, by method. A reader returns false if the parameters are not valid for the method. */
const READERS: Readonly<Record<string, Read>> = {
  [ITEM.caller]: itemOf('caller'),
  [ITEM.answerer]: itemOf('answerer'),
  [CREDIT.caller]: creditOf('caller'),
  [CREDIT.answerer]: creditOf('answerer'),
  [INPUT_END]: (id, _params, sink) => {
    sink.inputEnd(id);
    return true;
  },
  [INPUT_WINDOW]: (id, { items, bytes }, sink) => {
    if (!isCount(items) || !isCount(bytes)) return false;
    sink.window(id, { items, bytes });
    return true;
  },
};

/** Reads a notification of a stream. Returns false for any other notification. */
export function readStreamMessage(
  members: Members,
  method: string,
  sink: StreamSink<JsonRpcExchange>,
): boolean {
  if (!method.startsWith(PREFIX)) return false;
  const read = READERS[method];
  if (read === undefined) return false;
  const params = (members['params'] ?? {}) as Members;
  const { id } = params;
  const isId = typeof id === 'number' || typeof id === 'string';
  if (isId && read(id, params, sink)) return true;
  throw invalidMessage(members, `${method} with params that it cannot have`);
}

function itemOf(from: CallEnd): Read {
  return (id, { item }, sink) => {
    if (item === undefined) return false;
    sink.item(id, from, item);
    return true;
  };
}

function creditOf(from: CallEnd): Read {
  return (id, { taken }, sink) => {
    if (!isCount(taken)) return false;
    sink.credit(id, from, taken);
    return true;
  };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= MAX_ITEMS;
}
