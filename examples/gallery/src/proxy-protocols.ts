// Where a question and its answer end, for servers whose connections many scripts share: RESP, memcached's text, lengths.
import { type ByteInput, ByteToMessageDecoder } from '@headrace/codec';
import { type Context, DecodeError } from '@headrace/core';

const MAX_BYTES = 8 * 1024 * 1024;
const LF = 10;
const [DOLLAR, STAR, PLUS, MINUS, COLON] = [...Buffer.from('$*+-:')] as [
  number,
  number,
  number,
  number,
  number,
];
const NOTHING = Buffer.alloc(0);

/** A question, whole. */
export interface Cut {
  /** What the server gets; nothing if the proxy answers by itself, or if the script only leaves. */
  readonly bytes: Buffer;
  readonly wantsAnswer: boolean;
  /** The answer of the proxy itself. */
  readonly own?: Buffer | undefined;
  /** Whether the connection ends after the answer. */
  readonly isLast?: boolean;
}

/** How far a message has been read: the elements before `at` are whole, and `left` elements follow. */
interface Progress {
  at: number;
  left: number;
}

export interface Protocol {
  /** Takes a question, or returns `undefined` if it is not complete. */
  question(input: ByteInput, progress: Progress): Cut | undefined;
  /** Moves behind the next element of an answer, or returns false if it is not complete. */
  reply(input: ByteInput, progress: Progress): boolean;
  /** An answer that names an error, or `undefined` if the protocol has none and the connection ends. */
  error(text: string): Buffer | undefined;
}

export class QuestionDecoder extends ByteToMessageDecoder<Cut> {
  private readonly protocol: Protocol;
  private readonly progress: Progress = { at: 0, left: 1 };

  constructor(protocol: Protocol) {
    super({ maxBufferedBytes: MAX_BYTES });
    this.protocol = protocol;
  }

  protected override decode(_ctx: Context, input: ByteInput): Cut | undefined {
    return this.protocol.question(input, this.progress);
  }
}

export class ReplyDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly protocol: Protocol;
  private readonly progress: Progress = { at: 0, left: 1 };

  constructor(protocol: Protocol) {
    super({ maxBufferedBytes: MAX_BYTES });
    this.protocol = protocol;
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    const { progress, protocol } = this;
    while (progress.left > 0) if (!protocol.reply(input, progress)) return undefined;
    return taken(input, progress);
  }
}

function taken(input: ByteInput, progress: Progress): Buffer {
  const { at } = progress;
  progress.at = 0;
  progress.left = 1;
  return input.take(at);
}

function bad(what: string): never {
  throw new DecodeError('MESSAGE_INVALID', what);
}

/** The index after the line that begins at `from`, or 0 if it has no end yet. */
const lineEnd = (input: ByteInput, from: number): number => input.indexOf(LF, from) + 1;

const textOf = ({ buffer, start }: ByteInput, from: number, to: number): string =>
  buffer.toString('latin1', start + from, start + to);

/** A whole number as servers write it, or -1. */
function wholeOf(text: string): number {
  if (!/^(?:-1|0|[1-9]\d{0,8})$/.test(text)) bad(`${JSON.stringify(text)} is no length`);
  return Number(text);
}

// --- Redis ---

/** Commands that change the connection, wait, or have any number of answers. */
const NOT_SHARED = new Set(
  `ASKING AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE
  PSYNC PUNSUBSCRIBE READONLY READWRITE REPLCONF RESET SELECT SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC UNSUBSCRIBE UNWATCH WAIT
  WAITAOF WATCH`.split(/\s+/),
);

const redisError = (text: string): Buffer => Buffer.from(`-ERR ${text}\r\n`);

function redisCommand(bytes: Buffer, name: string): Cut {
  if (name === 'QUIT')
    return { bytes: NOTHING, wantsAnswer: true, own: Buffer.from('+OK\r\n'), isLast: true };
  const waits = name.startsWith('XREAD') && /\r\nBLOCK\r\n/i.test(bytes.toString('latin1'));
  if (!waits && !NOT_SHARED.has(name)) return { bytes, wantsAnswer: true };
  const own = redisError(`${name} is not for a connection that is shared`);
  return { bytes: NOTHING, wantsAnswer: true, own };
}

const REDIS: Protocol = {
  question(input, progress) {
    const end = lineEnd(input, 0);
    if (end === 0) return undefined;
    if (input.at(0) !== STAR) {
      const line = textOf(input, 0, end).trim();
      // Quotes could hide a name, or leave the server without the end of the command.
      if (!/^[\w .:-]*$/.test(line)) bad('no command in an array');
      const bytes = input.take(end);
      return line === '' ? undefined : redisCommand(bytes, line.split(' ')[0]!.toUpperCase());
    }
    if (progress.at === 0) {
      const count = wholeOf(textOf(input, 1, end - 2));
      // The server answers nothing to it.
      if (count <= 0) return void input.skip(end);
      progress.at = end;
      progress.left = count;
    }
    while (progress.left > 0) {
      if (progress.at < input.length && input.at(progress.at) !== DOLLAR)
        bad('no text in the array');
      if (!bulk(input, progress, lineEnd(input, progress.at))) return undefined;
    }
    const bytes = taken(input, progress);
    const name = bytes.indexOf(LF, end) + 1;
    return redisCommand(
      bytes,
      bytes.toString('latin1', name, bytes.indexOf(LF, name) - 1).toUpperCase(),
    );
  },
  reply(input, progress) {
    const end = lineEnd(input, progress.at);
    if (end === 0) return false;
    const type = input.at(progress.at);
    if (type === DOLLAR) return bulk(input, progress, end);
    if (type === STAR)
      progress.left += Math.max(wholeOf(textOf(input, progress.at + 1, end - 2)), 0);
    else if (type !== PLUS && type !== MINUS && type !== COLON) bad('no answer in RESP');
    progress.left -= 1;
    progress.at = end;
    return true;
  },
  error: redisError,
};

/** Moves behind a text of a known length, whose line ends at `end`. */
function bulk(input: ByteInput, progress: Progress, end: number): boolean {
  if (end === 0) return false;
  const length = wholeOf(textOf(input, progress.at + 1, end - 2));
  const next = length < 0 ? end : end + length + 2;
  if (next > input.length) return false;
  progress.at = next;
  progress.left -= 1;
  return true;
}

// --- memcached ---

const READS = new Set(['get', 'gets', 'gat', 'gats', 'stats', 'version']);
const CHANGES = new Set(['delete', 'incr', 'decr', 'touch', 'flush_all', 'verbosity']);
const STORES = new Set(['set', 'add', 'replace', 'append', 'prepend', 'cas']);
/** Longer lines end a connection to memcached. */
const MAX_LINE = 1024;
const MAX_KEYS_LINE = 8192;

const memcachedError = (text: string): Buffer => Buffer.from(`SERVER_ERROR ${text}\r\n`);
const refused = (text: string, isLast: boolean): Cut => ({
  bytes: NOTHING,
  wantsAnswer: true,
  own: Buffer.from(`CLIENT_ERROR ${text}\r\n`),
  isLast,
});

const MEMCACHED: Protocol = {
  question(input) {
    const end = lineEnd(input, 0);
    if (end === 0) return input.length > MAX_KEYS_LINE ? bad('no end of a line') : undefined;
    const line = textOf(input, 0, end).trimEnd();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: memcached ends the line at some of them
    if (/[\x00-\x1f\x7f]/.test(line)) bad('a control character in a command');
    const words = line.split(/ +/);
    const [name = ''] = words;
    const isLong = end > (name === 'get' || name === 'gets' ? MAX_KEYS_LINE : MAX_LINE);
    let length = end;
    if (STORES.has(name) && !isLong) {
      if (!/^\d{1,8}$/.test(words[4] ?? '')) return last(input, 'bad command line format');
      length += Number(words[4]) + 2;
      if (length > MAX_BYTES) return last(input, 'too large');
      if (length > input.length) return undefined;
      if (textOf(input, length - 2, length) !== '\r\n') return last(input, 'bad data chunk');
    }
    const bytes = input.take(length);
    if (name === 'quit') return { bytes: NOTHING, wantsAnswer: false, isLast: true };
    if (isLong) return refused('line too long', true);
    if (READS.has(name)) return { bytes, wantsAnswer: true };
    if (!STORES.has(name) && !CHANGES.has(name))
      return refused(`${name} is not for a connection that is shared`, false);
    if (words.at(-1) !== 'noreply') return { bytes, wantsAnswer: true };
    // The server answers an error all the same: with an answer to each, none is taken for another.
    const head = Buffer.from(`${words.slice(0, -1).join(' ')}\r\n`, 'latin1');
    return { bytes: Buffer.concat([head, bytes.subarray(end)]), wantsAnswer: false };
  },
  reply(input, progress) {
    const end = lineEnd(input, progress.at);
    if (end === 0) return false;
    const line = textOf(input, progress.at, end - 2);
    const [kind, , , bytes] = line.split(' ');
    let next = end;
    if (kind === 'VALUE') next += wholeOf(bytes ?? '') + 2;
    else if (kind !== 'STAT' && kind !== 'ITEM' && kind !== 'PREFIX') progress.left = 0;
    if (next > input.length) return false;
    progress.at = next;
    return true;
  },
  error: memcachedError,
};

function last(input: ByteInput, why: string): Cut {
  input.skip(input.length);
  return refused(why, true);
}

// --- a length of four bytes before each message ---

function framed(input: ByteInput): number {
  if (input.length < 4) return 0;
  const length = 4 + input.buffer.readUInt32BE(input.start);
  if (length > MAX_BYTES) bad(`a message of ${length} bytes`);
  return length > input.length ? 0 : length;
}

const RPC: Protocol = {
  question(input) {
    const length = framed(input);
    return length === 0 ? undefined : { bytes: input.take(length), wantsAnswer: true };
  },
  reply(input, progress) {
    progress.at = framed(input);
    if (progress.at > 0) progress.left = 0;
    return progress.at > 0;
  },
  error: () => undefined,
};

export const PROTOCOLS = { memcached: MEMCACHED, redis: REDIS, rpc: RPC } as const;
