import { Buffer } from 'node:buffer';
import { unpinned } from '@headrace/core/authoring';

/** A fragmented or compressed message that is being read. */
export class BegunMessage {
  readonly isText: boolean;
  readonly isCompressed: boolean;
  /** Number of received frames. */
  fragments = 0;
  /** Total length of their payloads, in bytes. */
  bytes = 0;
  private readonly pieces: Buffer[] = [];

  constructor(isText: boolean, isCompressed: boolean) {
    this.isText = isText;
    this.isCompressed = isCompressed;
  }

  /** @param isLast - whether the message is consumed within this call */
  add(piece: Buffer, isLast: boolean): void {
    this.fragments += 1;
    this.bytes += piece.length;
    if (piece.length > 0) this.pieces.push(isLast ? piece : unpinned(piece));
  }

  payload(): Buffer {
    const [first] = this.pieces;
    return first !== undefined && this.pieces.length === 1 ? first : Buffer.concat(this.pieces);
  }
}
