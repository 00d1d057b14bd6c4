import { Buffer } from 'node:buffer';
import { unpinned } from '@headrace/core/authoring';

/** A message of several frames, or a compressed one, while it is read. */
export class BegunMessage {
  readonly isText: boolean;
  readonly isCompressed: boolean;
  /** How many frames have come. */
  fragments = 0;
  /** The bytes of their payloads. */
  bytes = 0;
  private readonly pieces: Buffer[] = [];

  constructor(isText: boolean, isCompressed: boolean) {
    this.isText = isText;
    this.isCompressed = isCompressed;
  }

  /** @param isLast - the message is taken within this call */
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
