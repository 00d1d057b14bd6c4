// Where a question and its answer end, for servers whose connections many scripts share: RESP, memcached's text, lengths.
import { type ByteInput, ByteToMessageDecoder } from '@headrace/codec';
import { type Context, DecodeError } from '@headrace/core';

const MAX_BYTES = 8 * 1024 * 1024;
const [LF, CR, SPACE] = [10, 13, 32];
const [DOLLAR, STAR, PLUS, MINUS, COLON] = [...Buffer.from('$*+-:')] as [
  number,
  number,
  number,
  number,
  number,
];
const NOTHING = Buffer.alloc(0);
/** Servers close a connection whose line is longer: Redis from 64 KiB on; memcached too, but for the keys of a `get`. */
const MAX_LINE = 60_000;

/** A question, whole. */
export interface Cut {
  /** What the server gets; nothing if the proxy answers by itself, or if the script only leaves. */
  readonly bytes: Buffer;
  readonly wantsAnswer: boolean;
  /** The answer of the proxy itself. */
  readonly own?: Buffer;
  /** Whether the connection ends after the answer. */
  readonly isLast?: boolean;
}

/** How far a message has been read: the elements before `at` are whole, and `left` elements follow. */
interface Progress {
  at: number;
  left: number;
}

/** Of each question that is passed on, the server makes exactly one answer: otherwise, others would get it. */
export interface Protocol {
  /** Takes a question, or returns `undefined` if it is not complete. Throws if the server would read it in another way. */
  question(input: ByteInput, progress: Progress): Cut | undefined;
  /** Moves behind the next element of an answer, or returns false if it is not complete. */
  reply(input: ByteInput, progress: Progress): boolean;
  /** An answer that names an error of the script or of the server, or `undefined` if the protocol has none and the connection ends. */
  error(text: string, of: 'script' | 'server'): Buffer | undefined;
}

export class QuestionDecoder extends ByteToMessageDecoder<Cut> {
  private readonly protocol: Protocol;
  private progress: Progress = { at: 0, left: 1 };

  constructor(protocol: Protocol) {
    super({ maxBufferedBytes: MAX_BYTES });
    this.protocol = protocol;
  }

  protected override decode(_ctx: Context, input: ByteInput): Cut | undefined {
    try {
      return this.protocol.question(input, this.progress);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const refusal = this.protocol.error(error.message, 'script');
      if (refusal === undefined) throw error;
      // Nobody knows where the next question begins.
      input.skip(input.length);
      this.progress = { at: 0, left: 1 };
      return { ...own(refusal), isLast: true };
    }
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

/** The line up to `end`, without its end and the spaces before it. A pattern would try each start of each run of spaces. */
function commandIn(input: ByteInput, end: number): string {
  let to = end - 1;
  if (to > 0 && input.at(to - 1) === CR) to -= 1;
  while (to > 0 && input.at(to - 1) === SPACE) to -= 1;
  return textOf(input, 0, to);
}

/** A whole number as servers write it, or -1. */
function wholeOf(text: string): number {
  if (!/^(?:-1|0|[1-9]\d{0,8})$/.test(text)) bad(`${JSON.stringify(text)} is no length`);
  return Number(text);
}

const own = (answer: Buffer): Cut => ({ bytes: NOTHING, wantsAnswer: true, own: answer });

const notShared = (name: string): string => `${name} is not for a connection that is shared`;

// --- Redis ---

/** Commands that change the connection, wait, have any number of answers, or end the connection. */
const NOT_SHARED = new Set(
  `ASKING AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT DISCARD EXEC HELLO HOST: MONITOR MULTI POST
  PSUBSCRIBE PSYNC PUNSUBSCRIBE READONLY READWRITE REPLCONF RESET SELECT SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC UNSUBSCRIBE
  UNWATCH WAIT WAITAOF WATCH`.split(/\s+/),
);
/** A word with which a command waits, or changes the connection. */
const NOT_SHARED_WITH: Readonly<Record<string, RegExp>> = {
  XREAD: /\sBLOCK\s/i,
  XREADGROUP: /\sBLOCK\s/i,
  SCRIPT: /SCRIPT\s+(?:\$5\s+)?DEBUG\s/i,
};
/** The line of a number is not longer. */
const MAX_NUMBER_LINE = 32;
/** Redis closes a connection on which it is told more. */
const MAX_WORDS = 1024 * 1024;

const redisError = (text: string): Buffer => Buffer.from(`-ERR ${text}\r\n`);

function redisCommand(bytes: Buffer, name: string): Cut {
  if (name === 'QUIT') return { ...own(Buffer.from('+OK\r\n')), isLast: true };
  const isAlone = NOT_SHARED.has(name) || NOT_SHARED_WITH[name]?.test(bytes.toString('latin1'));
  return isAlone ? own(redisError(notShared(name))) : { bytes, wantsAnswer: true };
}

/** The number in the line from `from` to `end`, after the byte that says what it counts. */
function numberIn(input: ByteInput, from: number, end: number): number {
  if (input.at(end - 2) !== CR) bad('a line does not end with CR LF');
  return wholeOf(textOf(input, from + 1, end - 2));
}

/** The index after the line of a number, or 0 if it has no end yet. */
function numberEnd(input: ByteInput, from: number): number {
  const end = lineEnd(input, from);
  if ((end === 0 ? input.length : end) - from > MAX_NUMBER_LINE) bad('no number in a line');
  return end;
}

const REDIS: Protocol = {
  question(input, progress) {
    if (input.length === 0) return undefined;
    if (input.at(0) !== STAR) return inlineCommand(input);
    const end = numberEnd(input, 0);
    if (end === 0) return undefined;
    if (progress.at === 0) {
      const count = numberIn(input, 0, end);
      // The server answers nothing to it.
      if (count <= 0) return void input.skip(end);
      if (count > MAX_WORDS) bad(`${count} words in a command`);
      progress.at = end;
      progress.left = count;
    }
    while (progress.left > 0) {
      const { at } = progress;
      if (at === input.length) return undefined;
      if (input.at(at) !== DOLLAR) bad('no text in the array');
      const textFrom = numberEnd(input, at);
      if (textFrom > 0 && input.at(at + 1) === MINUS) bad('a text has no length');
      if (!bulk(input, progress, textFrom)) return undefined;
    }
    const bytes = taken(input, progress);
    const name = bytes.indexOf(LF, end) + 1;
    const nameTo = name + Number(bytes.toString('latin1', end + 1, name - 2));
    return redisCommand(bytes, bytes.toString('latin1', name, nameTo).toUpperCase());
  },
  reply(input, progress) {
    const end = lineEnd(input, progress.at);
    if (end === 0) return false;
    const type = input.at(progress.at);
    if (type === DOLLAR) return bulk(input, progress, end);
    if (type === STAR) progress.left += Math.max(numberIn(input, progress.at, end), 0);
    else if (type !== PLUS && type !== MINUS && type !== COLON) bad('no answer in RESP');
    progress.left -= 1;
    progress.at = end;
    return true;
  },
  error: redisError,
};

/** A command in a line, as from telnet. */
function inlineCommand(input: ByteInput): Cut | undefined {
  const end = lineEnd(input, 0);
  if ((end || input.length) > MAX_LINE) bad('too long a line');
  if (end === 0) return undefined;
  const line = commandIn(input, end);
  // Quotes could hide a name, or leave the server without the end of the command.
  if (!/^[\w .:-]*$/.test(line)) bad('no command in an array');
  const bytes = input.take(end);
  const [name = ''] = line.trimStart().split(' ');
  return name === '' ? undefined : redisCommand(bytes, name.toUpperCase());
}

/** Moves behind a text of a known length, whose line ends at `end`. */
function bulk(input: ByteInput, progress: Progress, end: number): boolean {
  if (end === 0) return false;
  const length = numberIn(input, progress.at, end);
  const next = length < 0 ? end : end + length + 2;
  if (next > input.length) return false;
  progress.at = next;
  progress.left -= 1;
  return true;
}

// --- memcached ---

const READS = new Set(['get', 'gets', 'gat', 'gats', 'stats', 'version']);
/** How many words a command has without `noreply`, at least and at most. */
const CHANGES: Readonly<Record<string, readonly [number, number]>> = {
  delete: [2, 3],
  incr: [3, 3],
  decr: [3, 3],
  touch: [3, 3],
  flush_all: [1, 2],
  verbosity: [2, 2],
};
/** Name, key, flags, time, length, for `cas` its number; memcached would take the value of any other line for commands. */
const STORE =
  /^(?:(?:set|add|replace|append|prepend)(?: +\S+){4}|cas(?: +\S+){5})(?<noreply> +noreply)?$/;
/** Longer lines than these, but those of `get` and `gets`, end a connection to memcached. */
const MAX_SHORT_LINE = 1024;
const MAX_KEY = 250;

const clientError = (text: string): Buffer => Buffer.from(`CLIENT_ERROR ${text}\r\n`);

const isWhole = (text: string, min: number, max: number): boolean =>
  /^-?\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max;

/** The length of the value that follows a line, or -1 if no value does. */
function valueLength(
  line: string,
  [name, key = '', flags = '', time = '', length = '', cas = '0']: string[],
): number {
  if (!/^(?:set|add|replace|append|prepend|cas)$/.test(name!)) return -1;
  const isGood =
    STORE.test(line) &&
    key.length <= MAX_KEY &&
    isWhole(flags, 0, 2 ** 32 - 1) &&
    isWhole(time, -(2 ** 31), 2 ** 31 - 1) &&
    isWhole(length, 0, 2 ** 31 - 3) &&
    (name !== 'cas' || /^\d{1,19}$/.test(cas));
  if (!isGood) bad('bad command line format');
  return Number(length);
}

const MEMCACHED: Protocol = {
  question(input) {
    const end = lineEnd(input, 0);
    if ((end || input.length) > MAX_LINE) bad('line too long');
    if (end === 0) return undefined;
    const line = commandIn(input, end);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: memcached ends the line at some of them
    if (/[\x00-\x1f\x7f]/.test(line)) bad('a control character in a command');
    const words = line.split(/ +/);
    const name = words[0]!;
    if (end > MAX_SHORT_LINE && name !== 'get' && name !== 'gets') bad('line too long');
    const value = valueLength(line, words);
    const length = value < 0 ? end : end + value + 2;
    if (length > MAX_BYTES) bad('too large');
    if (length > input.length) return undefined;
    if (value >= 0 && textOf(input, length - 2, length) !== '\r\n') bad('bad data chunk');
    const bytes = input.take(length);
    if (name === 'quit') return { bytes: NOTHING, wantsAnswer: false, isLast: true };
    if (READS.has(name)) return { bytes, wantsAnswer: true };
    const isSilent = words.at(-1) === 'noreply';
    if (value < 0) {
      const range = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined;
      if (range === undefined) return own(clientError(notShared(name)));
      const count = words.length - (isSilent ? 1 : 0);
      // The server looks at the last word only, even if it is a key.
      const isGood = count >= range[0] && count <= range[1] && words[count - 1] !== 'noreply';
      if (!isGood) return own(clientError('bad command line format'));
    }
    if (!isSilent) return { bytes, wantsAnswer: true };
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
  // A client that gets SERVER_ERROR for a `get` may take it for a value that is not stored: only an end says that there is no answer.
  error: (text, of) => (of === 'script' ? clientError(text) : undefined),
};

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
