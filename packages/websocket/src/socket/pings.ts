import { Buffer } from 'node:buffer';
import { ChannelError, type Context, type WriteFuture } from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import { controlFrame, PING, PONG } from './message-frame.ts';

/** Number of unsent pongs at which the next ping disconnects the peer, because the peer does not read. */
const MAX_PENDING_PONGS = 60;
/** Maximum number of answered pings of one read. Of further pings, only the last is answered (RFC 6455, section 5.5.3). */
const MAX_PONGS_OF_READ = 60;
/** Maximum number of unsent pings, and maximum number of pings that wait for a pong. */
const MAX_OWN_PINGS = 16;

/** The pings of one WebSocket in both directions. Created with the first ping. */
export class Pings {
  /** Whether this end has written a ping, so that its pipeline reads pongs and the peer's pings. */
  arePassedOn = false;
  private readonly below: Context;
  private readonly isMasked: boolean;
  // Pings of the peer
  /** Number of unsent pongs. */
  private pongs = 0;
  /** Number of pings in the current read. */
  private ofRead = 0;
  /** The last ping of this read that has no answer yet. */
  private last: Buffer | undefined = undefined;
  // Pings of this end
  private number = 0;
  /** Number of unsent pings. */
  private unsent = 0;
  /** Payloads of the unanswered pings, the oldest first. */
  private readonly unanswered: Buffer[] = [];

  constructor(below: Context, isMasked: boolean) {
    this.below = below;
    this.isMasked = isMasked;
  }

  /** Whether a ping or a pong waits because the connection below is blocked. */
  get areWaiting(): boolean {
    return this.pongs > 0 || this.unsent > 0;
  }

  /** Answers a ping of the peer. Returns false if the peer does not read pongs. */
  answer(payload: Buffer): boolean {
    if (this.ofRead === 0 && this.pongs >= MAX_PENDING_PONGS) return false;
    this.ofRead += 1;
    if (this.ofRead <= MAX_PONGS_OF_READ) this.writePong(payload);
    else this.last = payload;
    return true;
  }

  private writePong(payload: Buffer): void {
    this.pongs += 1;
    this.below.write(controlFrame(PONG, payload, this.isMasked)).onSettled(() => {
      this.pongs -= 1;
    });
  }

  /** Sends the pongs of one read in one write. */
  flush(): void {
    const { ofRead, last } = this;
    if (ofRead === 0) return;
    this.ofRead = 0;
    this.last = undefined;
    if (last !== undefined) this.writePong(last);
    this.below.flush();
  }

  /** Sends a ping. */
  send(given: Buffer | undefined): WriteFuture {
    if (this.unsent >= MAX_OWN_PINGS) {
      const text = `${MAX_OWN_PINGS} pings wait to be sent`;
      return SettableFuture.failed(new ChannelError('OUTBOUND_FULL', text));
    }
    const payload = given ?? this.nextNumber();
    this.arePassedOn = true;
    if (this.unanswered.length === MAX_OWN_PINGS) this.unanswered.shift();
    this.unanswered.push(payload);
    this.unsent += 1;
    const future = this.below.writeAndFlush(controlFrame(PING, payload, this.isMasked));
    future.peekSettled(() => {
      this.unsent -= 1;
    });
    return future;
  }

  private nextNumber(): Buffer {
    const payload = Buffer.allocUnsafeSlow(4);
    payload.writeUInt32BE(this.number);
    this.number = (this.number + 1) >>> 0;
    return payload;
  }

  /**
   * Handles a pong of the peer. The pong answers the ping with the same payload and all earlier pings (RFC 6455, section 5.5.3).
   *
   * @returns the payloads of the pings that are now answered; empty if the pong answers no ping
   */
  answered(payload: Buffer): readonly Buffer[] {
    const at = this.unanswered.findIndex((one) => one.equals(payload));
    return this.unanswered.splice(0, at + 1);
  }
}
