import { Buffer } from 'node:buffer';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { callSafely, describeOptions, number, value } from '@headrace/core/authoring';

/** Options of a {@link PcapWriter}. */
export interface PcapWriterOptions {
  /** The file, which is overwritten, or a function that takes the bytes: the file's header, then whole records. */
  readonly to: string | ((bytes: Buffer) => void);
  /** A packet that would make the capture longer than this is not written. @default 104857600 */
  readonly maxBytes?: number;
}

const FILE_HEADER_BYTES = 24;

const OPTIONS = describeOptions('PcapWriter', {
  to: value('the path of a file, or a function that takes the bytes', isTarget, { required: true }),
  maxBytes: number({ min: FILE_HEADER_BYTES, default: 100 * 1024 * 1024 }),
});
/** Gathered before they are written, so that a packet is not a system call. */
const BUFFER_BYTES = 64 * 1024;
const MAGIC = 0xa1b2_c3d4;
/** Packets begin with the IP header: there is no Ethernet to invent. */
const LINK_TYPE_RAW_IP = 101;
const SNAP_LENGTH = 65_535;
const RECORD_HEADER_BYTES = 16;
/** In a record's header: how many bytes of the packet follow it. */
const LENGTH_OFFSET = 8;

/**
 * A capture file in the classic pcap format, for one `PcapHandler` or many. It writes synchronously: a tool
 * for debugging. Call `close()`; otherwise the end of the capture is missing.
 *
 * An error of the file, a full disk for example, is thrown once; the capture then ends with the last whole
 * packet, and nothing is written any more.
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
  /** Bytes in the file. */
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

  /** True when something was left out: `maxBytes` is reached, or a write has failed. */
  isFull = false;

  /** Appends one packet; `timeMs` since the epoch. */
  packet(timeMs: number, bytes: Buffer): void {
    const record = Buffer.alloc(RECORD_HEADER_BYTES);
    record.writeUInt32BE(Math.floor(timeMs / 1000), 0);
    record.writeUInt32BE(Math.floor((timeMs % 1000) * 1000), 4);
    record.writeUInt32BE(bytes.length, LENGTH_OFFSET);
    record.writeUInt32BE(bytes.length, 12);
    if (this.total + record.length + bytes.length > this.maxBytes) this.isFull = true;
    // A hole in the middle of a connection would look like a lost packet, so nothing follows.
    if (this.isFull || this.isClosed) return;
    this.add([record, bytes]);
  }

  /** Writes what was gathered. */
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

  /** Writes what waits, and closes the file; throws an error of the file. Does nothing when it is closed. */
  close(): void {
    if (this.isClosed) return;
    try {
      this.flush();
    } finally {
      this.isClosed = true;
      if (this.file !== undefined) closeSync(this.file);
    }
  }

  /** As {@link PcapWriter.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes the parts of one record: they are never written apart. */
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
 * Appends to a file that has `length` bytes so far. When that fails half way, the half of a record that was
 * written goes: tools refuse a capture whose last record is cut off.
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

/** How many of the first `limit` bytes are the file's header and whole records. */
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
