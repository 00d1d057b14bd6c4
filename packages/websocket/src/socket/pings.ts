import { Buffer } from 'node:buffer';
import { ChannelError, type Context, type WriteFuture } from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import { controlFrame, PING, PONG } from './message-frame.ts';

/** A peer that does not read, and sends more pings than that, is dropped. */
const MAX_PENDING_PONGS = 60;
/** Of the pings of one read so many are answered, and the last one (RFC 6455, section 5.5.3). */
const MAX_PONGS_OF_READ = 60;
/** Pings of ours whose answers are looked for, and that wait to be sent. */
const MAX_OWN_PINGS = 16;

/** The pings of one WebSocket, those of the peer and ours: made with the first of them. */
export class Pings {
  /** A ping of ours was written: its pipeline reads the answers, and the peer's pings. */
  arePassedOn = false;
  private readonly below: Context;
  private readonly isMasked: boolean;
  // The peer's
  /** Answers that are not sent. */
  private pongs = 0;
  /** Pings of the read under way. */
  private ofRead = 0;
  /** One of them that has not been answered. */
  private last: Buffer | undefined = undefined;
  // Ours
  private number = 0;
  /** Those that are not sent. */
  private unsent = 0;
  /** The payloads of those without an answer, the oldest first. */
  private readonly unanswered: Buffer[] = [];

  constructor(below: Context, isMasked: boolean) {
    this.below = below;
    this.isMasked = isMasked;
  }

  /** A ping or an answer waits for the connection below, which is stuck. */
  get areWaiting(): boolean {
    return this.pongs > 0 || this.unsent > 0;
  }

  /** Answers a ping of the peer. False if it reads no answers. */
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

  /** The answers to the pings of one read are one write. */
  flush(): void {
    const { ofRead, last } = this;
    if (ofRead === 0) return;
    this.ofRead = 0;
    this.last = undefined;
    if (last !== undefined) this.writePong(last);
    this.below.flush();
  }

  /** Sends a ping of ours. */
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
   * A pong of the peer, which answers the ping with its payload and those before it (RFC 6455, section 5.5.3).
   *
   * @returns the payloads of the pings that have their answer now; none if nobody asked for it
   */
  answered(payload: Buffer): readonly Buffer[] {
    const at = this.unanswered.findIndex((one) => one.equals(payload));
    return this.unanswered.splice(0, at + 1);
  }
}
