import { readFile } from 'node:fs';
import { isIPv6 } from 'node:net';
import type { Address } from '../contract/connection.ts';

/** The files in which Linux lists its connections, with the bytes that each connection still has to send. */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
/** Prefix of an IPv4 address that an IPv6 socket uses, as the table writes it. */
const MAPPED = '0000000000000000FFFF0000';
/** Length of the connection's state, which stands between the two addresses and the queue. */
const STATE_LENGTH = ' 01 '.length;
const NUMBER_LENGTH = 8;
/**
 * Pause between two readings, because the table can be long. A question during a reading waits for the next reading.
 */
const PAUSE_MS = 100;

type Answer = (bytes: number | undefined) => void;

interface Question {
  readonly local: string;
  readonly remote: string;
  readonly answer: Answer;
}

let questions: Question[] = [];
let isReading = false;

/**
 * Finds the number of bytes of a TCP connection that the peer has not acknowledged (the ioctl SIOCOUTQ, which Node
 * does not offer). The answer is `undefined` for other connections, and if the system does not report the number. Use
 * the function only in rare cases, for example before a close, because it reads a table of all connections.
 *
 * @param answer - callback that is called once, later
 */
export function unacknowledgedBytes(
  local: Address | undefined,
  remote: Address | undefined,
  answer: Answer,
): void {
  const localKey = keyOf(local);
  const remoteKey = keyOf(remote);
  if (localKey === undefined || remoteKey === undefined || process.platform !== 'linux') {
    process.nextTick(answer, undefined);
    return;
  }
  questions.push({ local: localKey, remote: remoteKey, answer });
  if (!isReading) readTables();
}

function readTables(): void {
  isReading = true;
  const asked = questions;
  questions = [];
  readNext(0, asked, (unknown) => {
    for (const { answer } of unknown) answer(undefined);
    setTimeout(() => {
      isReading = false;
      if (questions.length > 0) readTables();
    }, PAUSE_MS).unref();
  });
}

/** Answers for the connections of this table, and looks for the others in the next table. */
function readNext(at: number, asked: Question[], done: (unknown: Question[]) => void): void {
  const file = TABLES[at];
  if (file === undefined || asked.length === 0) {
    done(asked);
    return;
  }
  readFile(file, 'latin1', (error, table) => {
    const left: Question[] = [];
    for (const question of asked) {
      const bytes = error === null ? queueIn(table, question) : undefined;
      if (bytes === undefined) left.push(question);
      else question.answer(bytes);
    }
    readNext(at + 1, left, done);
  });
}

/** Parses ` LOCAL REMOTE STATE TX_QUEUE:RX_QUEUE`, all in hex. An IPv4 connection of an IPv6 socket is mapped. */
function queueIn(table: string, { local, remote }: Question): number | undefined {
  let key = ` ${local} ${remote}`;
  let at = table.indexOf(key);
  if (at < 0) {
    key = `${MAPPED}${local} ${MAPPED}${remote}`;
    at = table.indexOf(key);
  }
  if (at < 0) return undefined;
  const start = at + key.length + STATE_LENGTH;
  const bytes = Number.parseInt(table.slice(start, start + NUMBER_LENGTH), 16);
  return Number.isNaN(bytes) ? undefined : bytes;
}

function keyOf(address: Address | undefined): string | undefined {
  if (address === undefined || 'path' in address) return undefined;
  const { host, port, family } = address;
  const words = family === 'IPv4' ? wordsOfIpv4(host) : wordsOfIpv6(host);
  if (words.some(Number.isNaN)) return undefined;
  return `${words.map(asStored).join('')}:${port.toString(16).padStart(4, '0').toUpperCase()}`;
}

/** Returns a word of 32 bits in the byte order of the processor, as Linux prints it. */
function asStored(word: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(word);
  const stored = IS_LITTLE_ENDIAN ? bytes.readUInt32LE() : word;
  return stored.toString(16).padStart(NUMBER_LENGTH, '0').toUpperCase();
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function wordsOfIpv4(host: string): number[] {
  const [a = Number.NaN, b = Number.NaN, c = Number.NaN, d = Number.NaN] = host
    .split('.')
    .map(Number);
  return [a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d];
}

/**
 * Returns the four words of an IPv6 address. `::` is the longest run of zeros. A URL writes all parts in hex, even if
 * the last 32 bits are given as IPv4.
 */
function wordsOfIpv6(host: string): number[] {
  const [text = ''] = host.split('%');
  if (!isIPv6(text)) return [Number.NaN];
  const [head = '', rest] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const front = head === '' ? [] : head.split(':');
  const back = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = rest === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...new Array<string>(Math.max(0, zeros)).fill('0'), ...back];
  return [0, 2, 4, 6].map(
    (i) => Number.parseInt(all[i] ?? '', 16) * 2 ** 16 + Number.parseInt(all[i + 1] ?? '', 16),
  );
}
