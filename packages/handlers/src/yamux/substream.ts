import type { Buffer } from 'node:buffer';
import type { Address, ByteEnd, CloseInfo, EndUser } from '@headrace/core';
import { systemError } from '@headrace/core/authoring';
import { ByteBlocks } from './byte-blocks.ts';
import {
  DATA,
  FIN,
  frameOf,
  HEADER_BYTES,
  INITIAL_WINDOW,
  MAX_UINT32,
  RST,
  WINDOW_UPDATE,
} from './yamux-frame.ts';

/** Bytes that a substream takes before they leave, as a kernel's buffer does. */
const OUTPUT_BYTES = 64 * 1024;
/** A longer body would keep the others waiting. */
const MAX_BODY_BYTES = 16 * 1024;

/** The connection below, as a substream uses it. */
export interface SubstreamOwner {
  readonly windowBytes: number;
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  /** A frame that does not wait for its turn. */
  send(frame: Buffer): void;
  /** It has something to send. */
  ready(substream: Substream): void;
  /** It is over for the peer. */
  forget(substream: Substream): void;
}

/** One substream, as a connection within this process: its channel is over a `MemoryTransport`. */
export class Substream implements ByteEnd {
  /** 0 before it is opened. */
  id = 0;
  readonly isOurs: boolean;
  user: EndUser | undefined = undefined;
  error: Error | undefined = undefined;
  closeInfo: CloseInfo | undefined = undefined;
  isOpen = false;
  isGone = false;
  hasInputEnded = false;
  isAcknowledged = false;
  /** Its channel is open. */
  hasChannel = false;
  /** It is among those that wait for their turn to send. */
  isReady = false;
  private readonly owner: SubstreamOwner;
  private readonly input = new ByteBlocks();
  private readonly output = new ByteBlocks();
  /** Bytes that the peer may send. */
  receiveWindow: number;
  /** Bytes that were read, and that the peer may not send again yet. */
  private credit = 0;
  /** Bytes that we may send. */
  private sendWindow = INITIAL_WINDOW;
  private inFlight = 0;
  /** The flag that follows the output. */
  private lastFlag: typeof FIN | typeof RST | undefined = undefined;
  private isOutputOver = false;
  private isClosed = false;

  constructor(owner: SubstreamOwner, isOurs: boolean) {
    this.owner = owner;
    this.isOurs = isOurs;
    this.receiveWindow = owner.windowBytes;
  }

  get local(): Address {
    return this.owner.localAddress ?? { path: 'substream' };
  }

  get remote(): Address {
    return this.owner.remoteAddress ?? { path: 'substream' };
  }

  get unreadBytes(): number {
    return this.input.size;
  }

  /** No more than the window: so everything that was taken can leave, even after a close. */
  get room(): number {
    if (this.lastFlag !== undefined) return 0;
    return Math.max(0, Math.min(this.sendWindow, OUTPUT_BYTES) - this.output.size);
  }

  get unacknowledgedBytes(): number {
    return this.output.size + this.inFlight;
  }

  // --- what its channel does ---

  send(chunk: Buffer): void {
    this.output.push(chunk);
    this.owner.ready(this);
  }

  take(): Buffer | undefined {
    const count = this.input.size;
    if (count === 0) return undefined;
    this.credit += count;
    this.giveCredit();
    return this.input.takeAll();
  }

  /** Given when it is worth a frame. */
  private giveCredit(): void {
    const { credit, owner } = this;
    if (this.hasInputEnded || this.isGone || credit < owner.windowBytes / 2) return;
    this.credit = 0;
    this.receiveWindow += credit;
    owner.send(frameOf(WINDOW_UPDATE, 0, this.id, credit));
  }

  finish(): void {
    if (this.lastFlag !== undefined) return;
    this.lastFlag = FIN;
    this.owner.ready(this);
  }

  /** What the channel has written still leaves. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.user = undefined;
    const hasUnread = this.input.size > 0;
    this.input.clear();
    if (this.isGone) return;
    this.isGone = true;
    this.lastFlag = hasUnread ? RST : FIN;
    if (this.isOpen && !this.isOutputOver) this.owner.ready(this);
    else {
      // A peer whose window is used up sends nothing more, and waits for credit.
      if (hasUnread && !this.hasInputEnded) this.sendReset();
      this.leave();
    }
  }

  private sendReset(): void {
    this.owner.send(frameOf(WINDOW_UPDATE, RST, this.id, 0));
  }

  reset(): void {
    this.isClosed = true;
    this.user = undefined;
    this.input.clear();
    if (this.isGone) return;
    this.isGone = true;
    if (this.isOpen) this.sendReset();
    this.leave();
  }

  // --- what the connection sends ---

  get hasOutput(): boolean {
    return this.output.size > 0 || (this.lastFlag !== undefined && !this.isOutputOver);
  }

  /** The next frame. The flag of an end has one of its own: peers look at it before they read the body. */
  nextFrame(): Buffer {
    const { output, id } = this;
    if (output.size === 0) return this.lastFrame();
    const count = Math.min(output.size, MAX_BODY_BYTES);
    const frame = frameOf(DATA, 0, id, count, count);
    output.moveTo(frame, HEADER_BYTES, count);
    this.sendWindow -= count;
    this.inFlight += count;
    this.user?.wake();
    return frame;
  }

  private lastFrame(): Buffer {
    const frame = frameOf(WINDOW_UPDATE, this.lastFlag!, this.id, 0);
    this.outputIsOver();
    return frame;
  }

  private outputIsOver(): void {
    this.isOutputOver = true;
    if (this.isGone || this.hasInputEnded) this.leave();
  }

  // --- what the peer sends ---

  /** The header of a body; false if the window has no room for it, or if the peer has ended its half. */
  expects(bytes: number): boolean {
    if (bytes > this.receiveWindow || (bytes > 0 && this.hasInputEnded)) return false;
    this.receiveWindow -= bytes;
    return true;
  }

  arrived(part: Uint8Array): void {
    if (!this.isGone) {
      this.input.push(part);
      this.user?.wake();
    } else if (this.lastFlag === FIN) {
      // Nobody reads it: the peer is not to believe that it was read.
      this.lastFlag = RST;
      if (this.isOutputOver) this.sendReset();
    }
  }

  /** False if that is more than a window may be. */
  credited(bytes: number): boolean {
    if (bytes === 0) return true;
    this.sendWindow += bytes;
    this.inFlight = Math.max(0, this.inFlight - bytes);
    this.owner.ready(this);
    this.user?.wake();
    return this.sendWindow <= MAX_UINT32;
  }

  peerFinished(): void {
    if (this.hasInputEnded) return;
    this.hasInputEnded = true;
    this.user?.wake();
    if (this.isOutputOver) this.leave();
  }

  peerReset(): void {
    const what = this.isOurs && !this.isAcknowledged ? 'refused' : 'reset';
    this.fail(systemError('ECONNRESET', `read ECONNRESET: the peer ${what} substream ${this.id}`));
    this.leave();
  }

  /** It is over; bytes that have come can still be read. */
  fail(error: Error, info?: CloseInfo): void {
    this.output.clear();
    if (this.isGone) return;
    this.error = error;
    this.closeInfo = info;
    this.isGone = true;
    this.user?.wake();
  }

  private leave(): void {
    this.output.clear();
    this.isOutputOver = true;
    this.owner.forget(this);
  }
}
