import { Buffer } from 'node:buffer';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { callSafely, describeOptions, number, value } from '@headrace/core/authoring';

/** Options of a {@link PcapWriter}. */
export interface PcapWriterOptions {
  /** The path of the file, which is overwritten, or a function that receives the bytes: the file's header, then whole records. */
  readonly to: string | ((bytes: Buffer) => void);
  /** Maximum size of the capture, in bytes. A packet that would exceed it is not written. @default 104857600 */
  readonly maxBytes?: number;
}

const FILE_HEADER_BYTES = 24;

const OPTIONS = describeOptions('PcapWriter', {
  to: value('the path of a file, or a function that takes the bytes', isTarget, { required: true }),
  maxBytes: number({ min: FILE_HEADER_BYTES, default: 100 * 1024 * 1024 }),
});
/** Number of bytes that are collected before a write, to avoid a system call for each packet. */
const BUFFER_BYTES = 64 * 1024;
const MAGIC = 0xa1b2_c3d4;
/** The link type of packets that begin with the IP header, so that no Ethernet header must be invented. */
const LINK_TYPE_RAW_IP = 101;
const SNAP_LENGTH = 65_535;
const RECORD_HEADER_BYTES = 16;
/** The offset of the packet's length in the header of a record. */
const LENGTH_OFFSET = 8;

/**
 * A capture file in the classic pcap format, for one or more `PcapHandler`s. It writes synchronously, so use it only for
 * debugging. Call `close()`, or the end of the capture is missing.
 *
 * An error of the file, for example a full disk, is thrown once. The capture then ends with the last whole packet, and no more
 * packets are written.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/
 */
export class PcapWriter implements Disposable {
  private readonly write: (bytes: Buffer) => void;
  private readonly maxBytes: number;
  private readonly file: number | undefined;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private total = 0;
  private written = 0;
  private isClosed = false;

  constructor(options: PcapWriterOptions) {
    const { to, maxBytes } = OPTIONS.resolve(options);
    this.maxBytes = maxBytes;
    if (typeof to === 'function') {
      this.file = undefined;
      this.write = (bytes) => {
        const returned: unknown = to(bytes);
        callSafely(
          () => returned,
          undefined,
          (error) => {
            this.isFull = true;
            process.emitWarning(error);
          },
        );
      };
    } else {
      const file = openSync(to, 'w');
      this.file = file;
      this.write = (bytes) => {
        writeRecords(file, bytes, this.written);
        this.written += bytes.length;
      };
    }
    this.add([fileHeader()]);
  }

  /** Whether packets were left out, because `maxBytes` is reached or a write has failed. */
  isFull = false;

  /** Appends a packet. `timeMs` is the time since the epoch, in milliseconds. */
  packet(timeMs: number, bytes: Buffer): void {
    const record = Buffer.alloc(RECORD_HEADER_BYTES);
    record.writeUInt32BE(Math.floor(timeMs / 1000), 0);
    record.writeUInt32BE(Math.floor((timeMs % 1000) * 1000), 4);
    record.writeUInt32BE(bytes.length, LENGTH_OFFSET);
    record.writeUInt32BE(bytes.length, 12);
    if (this.total + record.length + bytes.length > this.maxBytes) this.isFull = true;
    // A gap in the middle of a connection would look like a lost packet, so no packet follows.
    if (this.isFull || this.isClosed) return;
    this.add([record, bytes]);
  }

  /** Writes the collected bytes. */
  flush(): void {
    if (this.waitingBytes === 0 || this.isClosed) return;
    const bytes = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    try {
      this.write(bytes);
    } catch (thrown) {
      this.isFull = true;
      throw thrown;
    }
  }

  /** Writes the collected bytes and closes the file. Throws an error of the file. Has no effect if the file is already closed. */
  close(): void {
    if (this.isClosed) return;
    try {
      this.flush();
    } finally {
      this.isClosed = true;
      if (this.file !== undefined) closeSync(this.file);
    }
  }

  /** Calls {@link PcapWriter.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Adds the parts of one record, which are always written together. */
  private add(parts: readonly Buffer[]): void {
    for (const part of parts) {
      this.total += part.length;
      this.waiting.push(part);
      this.waitingBytes += part.length;
    }
    if (this.waitingBytes >= BUFFER_BYTES) this.flush();
  }
}

function isTarget(to: unknown): boolean {
  return typeof to === 'string' || typeof to === 'function';
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt16BE(2, 4);
  header.writeUInt16BE(4, 6);
  header.writeUInt32BE(SNAP_LENGTH, 16);
  header.writeUInt32BE(LINK_TYPE_RAW_IP, 20);
  return header;
}

/**
 * Appends records to a file of `length` bytes. If a write fails in the middle of a record, the incomplete record is removed,
 * because tools refuse a capture whose last record is incomplete.
 */
function writeRecords(file: number, bytes: Buffer, length: number): void {
  let at = 0;
  try {
    while (at < bytes.length) at += writeSync(file, bytes, at);
  } catch (thrown) {
    if (at > 0) ftruncateSync(file, length + wholeBytes(bytes, at, length === 0));
    throw thrown;
  }
}

/** Returns the number of bytes, up to `limit`, that are the file's header and whole records. */
function wholeBytes(bytes: Buffer, limit: number, hasFileHeader: boolean): number {
  let whole = hasFileHeader ? FILE_HEADER_BYTES : 0;
  if (whole > limit) return 0;
  while (whole + RECORD_HEADER_BYTES <= limit) {
    const end = whole + RECORD_HEADER_BYTES + bytes.readUInt32BE(whole + LENGTH_OFFSET);
    if (end > limit) break;
    whole = end;
  }
  return whole;
}
