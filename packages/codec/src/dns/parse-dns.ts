import type { Buffer } from 'node:buffer';
import { decode } from 'dns-packet';
import type { DnsMessage } from './dns-message.ts';

const HEADER_BYTES = 12;
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
  const message = decode(bytes);
  if (decode.bytes === bytes.length) return message as unknown as DnsMessage;
  throw new Error(`its records have ${decode.bytes} bytes of ${bytes.length}`);
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
