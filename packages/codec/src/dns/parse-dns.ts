import type { Buffer } from 'node:buffer';
import { decode } from 'dns-packet';
import type { DnsMessage } from './dns-message.ts';

const HEADER_BYTES = 12;
/** The root's name, a type and a class; a record has a lifetime and a length, too. */
const QUESTION_BYTES = 5;
const RECORD_BYTES = 11;
const POINTER = 0xc0;
/** Encoders point at a label, some at a pointer. Each label of a name may cost as many steps as this. */
const MAX_POINTERS_IN_A_ROW = 8;

/** The message in these bytes. Throws what is wrong with them, and takes time and memory in proportion to their number. */
export function parseDns(bytes: Buffer): DnsMessage {
  checkCounts(bytes);
  checkPointers(bytes);
  const message = decode(bytes);
  if (decode.bytes === bytes.length) return message as unknown as DnsMessage;
  throw new Error(`its records have ${decode.bytes} bytes of ${bytes.length}`);
}

/** The library makes an array of each length that the header announces. */
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
 * The library refuses a pointer forward, but follows any number backward, for each name again: 64 KiB of pointers would hold
 * the event loop for seconds. Bytes that only look like pointers are counted too; eight in a row do not look so by accident.
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
