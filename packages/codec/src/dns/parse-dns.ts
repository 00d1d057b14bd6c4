import { Buffer } from 'node:buffer';
import type { Answer, Question } from 'dns-packet';
import * as library from 'dns-packet';
import { type DnsMessage, isOpt } from './dns-message.ts';

/** A decoder of `dns-packet`. The types of the library leave out the decoders of single parts. */
interface Part<T> {
  readonly decode: {
    (bytes: Buffer, offset: number): T;
    /** Number of bytes that the last call has read. */
    bytes: number;
  };
}

interface Parts {
  readonly name: Part<string>;
  readonly question: Part<Question>;
  readonly answer: Part<Answer>;
}

const { name: NAME, question: QUESTION, answer: RECORD } = library as unknown as Parts;

const HEADER_BYTES = 12;
/** Offset of the counts in the header: questions, answers, authorities and additional records, 2 bytes each. */
const COUNTS_AT = 4;
/** Bytes of a record between its name and its data. */
const RECORD_HEAD_BYTES = 10;
/** Bytes of the data of SRV before its name. */
const SRV_HEAD_BYTES = 6;
const REPLACEMENT = '\uFFFD';
const BADVERS = 16;
/** Minimum lengths. A question has the root's name, a type and a class. A record also has a lifetime and a length. */
const QUESTION_BYTES = 5;
const RECORD_BYTES = 11;
const POINTER = 0xc0;
/**
 * Maximum number of pointers in a row. Encoders point to a label, and some encoders to a pointer. Each label of a name can take
 * this number of steps.
 */
const MAX_POINTERS_IN_A_ROW = 8;

/**
 * Returns the message in these bytes. Throws an error that describes the fault. The time and the memory are proportional to the
 * number of bytes.
 */
export function parseDns(bytes: Buffer): DnsMessage {
  checkCounts(bytes);
  checkPointers(bytes);
  const counts = [0, 1, 2, 3].map((i) => bytes.readUInt16BE(COUNTS_AT + 2 * i));
  const [questions, answers, authorities, additionals] = counts as [number, number, number, number];
  // The library reads records without regard to the lengths of their data, so it gets only the header.
  const header = library.decode(Buffer.from(bytes.subarray(0, HEADER_BYTES)).fill(0, COUNTS_AT));
  const reader = new PartReader(bytes);
  const message = {
    ...header,
    questions: reader.take(questions, () => reader.question()),
    answers: reader.take(answers, () => reader.record()),
    authorities: reader.take(authorities, () => reader.record()),
    additionals: reader.take(additionals, () => reader.record()),
  };
  if (reader.at !== bytes.length) {
    throw new Error(`its records have ${reader.at} bytes of ${bytes.length}`);
  }
  return withExtendedRcode(message as unknown as DnsMessage);
}

/** Reads one question or record after the other. */
class PartReader {
  /** Offset of the next part. */
  at = HEADER_BYTES;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  take<T>(count: number, read: () => T): T[] {
    return Array.from({ length: count }, read);
  }

  question(): Question {
    const question = QUESTION.decode(this.bytes, this.at);
    this.at += QUESTION.decode.bytes;
    checkTexts(question.name);
    return question;
  }

  record(): Answer {
    const { bytes, at } = this;
    NAME.decode(bytes, at);
    const data = at + NAME.decode.bytes + RECORD_HEAD_BYTES;
    const end = data + bytes.readUInt16BE(data - 2);
    if (end > bytes.length)
      throw new Error(`the data of a record end after the message, at ${end}`);
    const record = RECORD.decode(bytes.subarray(0, end), at);
    this.at = end;
    const read = at + RECORD.decode.bytes;
    // The library takes the length of these data for granted.
    const hasOwnEnd = record.type !== 'NS' && record.type !== 'SRV';
    const ends = hasOwnEnd
      ? read
      : this.nameEnd(data + (record.type === 'SRV' ? SRV_HEAD_BYTES : 0));
    if (ends !== end) {
      throw new Error(
        `a record of type ${record.type} has ${end - data} bytes of data, and needs ${ends - data}`,
      );
    }
    checkTexts(record.name, isOpt(record) ? undefined : record.data);
    return record;
  }

  private nameEnd(at: number): number {
    NAME.decode(this.bytes, at);
    return at + NAME.decode.bytes;
  }
}

/** Refuses names and texts that are not UTF-8. The library reads their bytes as U+FFFD. */
function checkTexts(name: string, data?: unknown): void {
  const isFields = typeof data === 'object' && data !== null && !ArrayBuffer.isView(data);
  for (const text of [name, ...(isFields ? Object.values(data) : [data])]) {
    if (typeof text === 'string' && text.includes(REPLACEMENT)) {
      throw new Error(`${JSON.stringify(text.slice(0, 80))} has bytes that are not UTF-8`);
    }
  }
}

/** Adds the upper bits of the result, which are in the record of EDNS (RFC 6891, 6.1.3). */
function withExtendedRcode(message: DnsMessage): DnsMessage {
  const upper = message.additionals.find(isOpt)?.extendedRcode ?? 0;
  if (upper === 0 || message.type === 'query') return message;
  const rcode = upper * 16 + (message.flags & 0xf);
  return { ...message, rcode: rcode === BADVERS ? 'BADVERS' : `RCODE_${rcode}` };
}

/** Checks the counts in the header, because the library makes an array of each announced length. */
function checkCounts(bytes: Buffer): void {
  if (bytes.length < HEADER_BYTES)
    throw new Error(`it is shorter than its header of ${HEADER_BYTES} bytes`);
  const questions = bytes.readUInt16BE(4);
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  const least = HEADER_BYTES + questions * QUESTION_BYTES + records * RECORD_BYTES;
  if (least <= bytes.length) return;
  throw new Error(`${questions} questions and ${records} records need at least ${least} bytes`);
}

/**
 * Checks the number of pointers in a row. The library refuses a pointer forward, but follows any number of pointers backward,
 * again for each name. 64 KiB of pointers would block the event loop for seconds. Bytes that only resemble pointers are counted
 * as well, but eight of them in a row do not occur by accident.
 */
function checkPointers(bytes: Buffer): void {
  for (let start = HEADER_BYTES; start + 1 < bytes.length; start++) {
    let at = start;
    for (let count = 0; bytes[at]! >= POINTER; count++) {
      if (count === MAX_POINTERS_IN_A_ROW) {
        throw new Error(`more than ${MAX_POINTERS_IN_A_ROW} pointers in a row at byte ${start}`);
      }
      const target = bytes.readUInt16BE(at) & 0x3fff;
      if (target >= at) break;
      at = target;
    }
  }
}
