import { Buffer } from 'node:buffer';
import { DATA, HEADER_BYTES } from './yamux-frame.ts';

/** The receiver of the frames that a {@link FrameReader} reads. */
export interface FrameReceiver {
  /** Accepts a header. The body of a data frame follows in parts. */
  frameCame(version: number, type: number, flags: number, id: number, length: number): void;
  bodyCame(part: Uint8Array): void;
  frameEnded(): void;
}

/** A reader that splits the bytes of a connection into frames. Parts of bodies pass as they arrive, so that no body is kept. */
export class FrameReader {
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private filled = 0;
  private bodyLeft = 0;
  private readonly receiver: FrameReceiver;

  constructor(receiver: FrameReceiver) {
    this.receiver = receiver;
  }

  read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + (this.bodyLeft || HEADER_BYTES - this.filled));
      at += part.length;
      if (this.bodyLeft > 0) this.readBody(part);
      else this.readHeader(part);
    }
  }

  private readBody(part: Uint8Array): void {
    this.bodyLeft -= part.length;
    this.receiver.bodyCame(part);
    if (this.bodyLeft === 0) this.receiver.frameEnded();
  }

  private readHeader(part: Uint8Array): void {
    const { header, receiver } = this;
    header.set(part, this.filled);
    this.filled += part.length;
    if (this.filled < HEADER_BYTES) return;
    this.filled = 0;
    const type = header[1]!;
    const length = header.readUInt32BE(8);
    this.bodyLeft = type === DATA ? length : 0;
    receiver.frameCame(header[0]!, type, header.readUInt16BE(2), header.readUInt32BE(4), length);
    if (this.bodyLeft === 0) receiver.frameEnded();
  }
}
