import type { Buffer } from 'node:buffer';
import type { Address, ByteEnd, CloseInfo, EndUser } from '@headrace/core';
import { ByteBlocks, ReceiveWindow, SendWindow, systemError } from '@headrace/core/authoring';
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

/** Number of bytes that a substream accepts before they leave, like a kernel's buffer. */
const OUTPUT_BYTES = 64 * 1024;
/** Maximum body of a frame. A longer body would delay the other substreams. */
const MAX_BODY_BYTES = 16 * 1024;

/** The connection below, as a substream uses it. */
export interface SubstreamOwner {
  readonly windowBytes: number;
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  /** Sends a frame that does not wait for its turn. */
  send(frame: Buffer): void;
  /** Called when the substream has output. */
  ready(substream: Substream): void;
  /** Called when the substream has ended for the peer. */
  forget(substream: Substream): void;
}

/** One substream, as a connection within this process. Its channel uses a `MemoryTransport`. */
export class Substream implements ByteEnd {
  /** Number of the substream, 0 before it is opened. */
  id = 0;
  readonly isOurs: boolean;
  user: EndUser | undefined = undefined;
  error: Error | undefined = undefined;
  closeInfo: CloseInfo | undefined = undefined;
  isOpen = false;
  isGone = false;
  hasInputEnded = false;
  isAcknowledged = false;
  hasChannel = false;
  /** Whether the substream waits for its turn to send. */
  isReady = false;
  private readonly owner: SubstreamOwner;
  private readonly input = new ByteBlocks();
  private readonly output = new ByteBlocks();
  readonly receiving: ReceiveWindow;
  private readonly sending = new SendWindow(INITIAL_WINDOW);
  /** The flag that follows the output. */
  private lastFlag: typeof FIN | typeof RST | undefined = undefined;
  private isOutputOver = false;
  private isClosed = false;

  constructor(owner: SubstreamOwner, isOurs: boolean) {
    this.owner = owner;
    this.isOurs = isOurs;
    this.receiving = new ReceiveWindow(owner.windowBytes);
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

  /** Number of bytes that can be written, limited by the window. All accepted bytes can therefore leave, even after a close. */
  get room(): number {
    if (this.lastFlag !== undefined) return 0;
    return Math.max(0, Math.min(this.sending.room, OUTPUT_BYTES) - this.output.size);
  }

  get unacknowledgedBytes(): number {
    return this.output.size + this.sending.used;
  }

  // --- what its channel does ---

  send(chunk: Buffer): void {
    this.output.push(chunk);
    this.owner.ready(this);
  }

  take(): Buffer | undefined {
    const count = this.input.size;
    if (count === 0) return undefined;
    if (this.receiving.take(count) && !this.hasInputEnded && !this.isGone) {
      this.owner.send(frameOf(WINDOW_UPDATE, 0, this.id, this.receiving.report()));
    }
    return this.input.takeAll();
  }

  finish(): void {
    if (this.lastFlag !== undefined) return;
    this.lastFlag = FIN;
    this.owner.ready(this);
  }

  /** Closes the substream. Bytes that the channel has written still leave. */
  close(): void {
    this.closeWith(this.input.size > 0 ? RST : FIN);
  }

  /** Ends the output with this flag, after the bytes that wait. The window has room for them. */
  private closeWith(flag: typeof FIN | typeof RST): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.user = undefined;
    const hasUnread = flag === RST;
    this.input.clear();
    if (this.isGone) return;
    this.isGone = true;
    this.lastFlag = flag;
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

  reset(isAfterOutput = false): void {
    if (isAfterOutput) {
      this.closeWith(RST);
      return;
    }
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

  /** Returns the next frame. The flag of an end has its own frame, because peers read the flag before the body. */
  nextFrame(): Buffer {
    const { output, id } = this;
    if (output.size === 0) return this.lastFrame();
    const count = Math.min(output.size, MAX_BODY_BYTES);
    const frame = frameOf(DATA, 0, id, count, count);
    output.moveTo(frame, HEADER_BYTES, count);
    this.sending.spend(count);
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

  /** Accepts the header of a body. Returns false if the window has no room, or the peer has ended its half. */
  expects(bytes: number): boolean {
    if (bytes > this.receiving.room || (bytes > 0 && this.hasInputEnded)) return false;
    this.receiving.spend(bytes);
    return true;
  }

  arrived(part: Uint8Array): void {
    if (!this.isGone) {
      this.input.push(part);
      this.user?.wake();
    } else if (this.lastFlag === FIN) {
      // Nobody reads these bytes. A reset tells the peer that they were not read.
      this.lastFlag = RST;
      if (this.isOutputOver) this.sendReset();
    }
  }

  /** Adds credit. Returns false if the window would exceed its maximum. */
  credited(bytes: number): boolean {
    if (bytes === 0) return true;
    this.sending.size += this.sending.credited(bytes);
    this.owner.ready(this);
    this.user?.wake();
    return this.sending.room <= MAX_UINT32;
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

  /** Ends the substream with an error. Bytes that have arrived can still be read. */
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
