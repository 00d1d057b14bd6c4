import { type CreditEnds, describeCreditWindow } from '../../core/test/fixture/credit-window.ts';
import type { End } from '../../core/test/fixture/numbered-delivery.ts';
import { Substream, type SubstreamOwner } from '../src/substream.ts';
import { DATA, HEADER_BYTES, INITIAL_WINDOW } from '../src/yamux-frame.ts';

class Owner implements SubstreamOwner {
  readonly windowBytes = INITIAL_WINDOW;
  readonly localAddress = undefined;
  readonly remoteAddress = undefined;
  readonly sent: Buffer[] = [];

  send(frame: Buffer): void {
    this.sent.push(frame);
  }

  ready(): void {}
  forget(): void {}
}

/** One direction of a substream. */
class SubstreamEnds implements CreditEnds {
  taken = 0;
  private readonly below = new Owner();
  private readonly sender = new Substream(new Owner(), true);
  private readonly receiver = new Substream(this.below, false);
  private unsent = 0;

  get waiting(): number {
    return this.receiver.unreadBytes;
  }

  send(bytes: number): void {
    this.unsent += bytes;
  }

  take(): void {
    this.taken += this.receiver.take()?.length ?? 0;
  }

  frames(from: End): unknown[] {
    if (from === 'receiver') return this.below.sent.splice(0);
    const { sender } = this;
    const frames: Buffer[] = [];
    for (let count = -1; count !== 0; ) {
      count = Math.min(this.unsent, sender.room);
      this.unsent -= count;
      sender.send(Buffer.alloc(count));
      while (sender.hasOutput) frames.push(sender.nextFrame());
    }
    return frames.length === 0 ? [] : [Buffer.concat(frames)];
  }

  arrived(at: End, bytes: unknown): boolean {
    const frames = bytes as Buffer;
    for (let from = 0; from < frames.length; ) {
      const length = frames.readUInt32BE(from + 8);
      if (at === 'sender') return this.sender.credited(length);
      if (frames[from + 1] !== DATA || !this.receiver.expects(length)) return false;
      from += HEADER_BYTES;
      this.receiver.arrived(frames.subarray(from, from + length));
      from += length;
    }
    return true;
  }

  force(bytes: number): boolean {
    return this.receiver.expects(bytes);
  }
}

describeCreditWindow('a substream', () => new SubstreamEnds(), { window: INITIAL_WINDOW });
