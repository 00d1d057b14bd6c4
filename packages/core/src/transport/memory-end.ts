import type { Buffer } from 'node:buffer';
import { ByteBlocks } from '../bytes/byte-blocks.ts';
import type { Address } from '../contract/connection.ts';
import type { ByteEnd, EndUser } from './byte-end.ts';
import { systemError } from './system-error.ts';

/** One end of a connection without a network. Sent bytes arrive at once. */
export class MemoryEnd implements ByteEnd {
  readonly local: Address;
  readonly remote: Address;
  readonly unacknowledgedBytes = 0;
  user: EndUser | undefined = undefined;
  error: Error | undefined = undefined;
  hasInputEnded = false;
  isGone = false;
  private readonly capacity: number;
  private peer: MemoryEnd | undefined = undefined;
  private readonly input = new ByteBlocks();

  /** @param capacity - maximum number of unread bytes, at which the other end has no more room */
  constructor(local: Address, remote: Address, capacity: number) {
    this.local = local;
    this.remote = remote;
    this.capacity = capacity;
  }

  join(other: MemoryEnd): void {
    this.peer = other;
    other.peer = this;
  }

  get unreadBytes(): number {
    return this.input.size;
  }

  get isOpen(): boolean {
    return this.peer !== undefined;
  }

  get room(): number {
    const { peer } = this;
    return peer === undefined ? 0 : peer.capacity - peer.unreadBytes;
  }

  send(chunk: Buffer): void {
    const peer = this.peer!;
    if (peer.isGone) {
      this.breaks(systemError('EPIPE', 'write EPIPE: the other end has closed'));
      return;
    }
    peer.input.push(chunk);
    peer.user?.wake();
  }

  take(): Buffer | undefined {
    const { unreadBytes } = this;
    if (unreadBytes === 0) return undefined;
    const all = this.input.takeAll();
    // A writer waits only for a full end.
    if (unreadBytes === this.capacity) this.peer?.user?.wake();
    return all;
  }

  finish(): void {
    const { peer } = this;
    if (peer === undefined || peer.hasInputEnded) return;
    peer.hasInputEnded = true;
    peer.user?.wake();
  }

  close(): void {
    if (this.unreadBytes > 0) this.reset();
    else {
      this.finish();
      this.leave();
    }
  }

  reset(): void {
    const { peer, isGone } = this;
    this.leave();
    if (isGone || peer === undefined || peer.isGone) return;
    peer.breaks(systemError('ECONNRESET', 'read ECONNRESET: the other end dropped the connection'));
  }

  private leave(): void {
    this.user = undefined;
    this.isGone = true;
    this.input.clear();
  }

  /** Ends the connection with an error. Bytes that have arrived can still be read. */
  private breaks(error: Error): void {
    this.error ??= error;
    this.isGone = true;
    this.user?.wake();
  }
}
