// Both ends of a talk, in a page and on the server: numbered messages, each of a length that its number gives.
import type { Context, Handler } from '@headrace/core';
import { Buffer } from '@headrace/core/buffer';
import { LinkResumedEvent } from '@headrace/lasting';

/** The first byte of a message; calls have others, and are passed on. */
const [HELLO, NUMBERED] = [0x70, 0x71] as const;
const HEAD_BYTES = 5;

/** What one end has said and heard. It outlives channels: what an application would keep. */
export class Ledger {
  written = 0;
  taken = 0;
  /** What the peer said that it had, at the beginning of each channel. */
  readonly agreed: number[] = [];
  /** How often a channel had a new link. */
  resumed = 0;
  /** What came twice, too early, or with another length. */
  wrong: string | undefined = undefined;
  /** No number above it is written. */
  limit: number;
  private readonly waiting = new Set<{ readonly number: number; readonly done: () => void }>();

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.limit = limit;
  }

  /** Resolves when so many were taken. */
  reached(number: number): Promise<void> {
    return new Promise((done) => {
      this.waiting.add({ number, done });
      this.settle();
    });
  }

  take(number: number, bytes: number): void {
    if (number <= this.taken) this.wrong ??= `${number} came again, after ${this.taken}`;
    if (number > this.taken + 1) this.wrong ??= `${number} came after ${this.taken}`;
    if (bytes !== bytesOf(number)) this.wrong ??= `${number} has ${bytes} bytes`;
    this.taken = number;
    this.settle();
  }

  private settle(): void {
    for (const one of this.waiting) {
      if (one.number > this.taken) continue;
      this.waiting.delete(one);
      one.done();
    }
  }
}

function bytesOf(number: number): number {
  return HEAD_BYTES + ((number * 7919) % 300);
}

function message(kind: number, number: number, bytes: number): Buffer {
  const made = Buffer.alloc(bytes);
  made[0] = kind;
  made.writeUInt32BE(number, 1);
  return made;
}

/** One channel of the talk: tells the peer what it has taken, then writes what the peer has not got, as fast as it may. */
export class NumberedTalk implements Handler {
  private readonly ledger: Ledger;
  private isAgreed = false;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  channelActive(ctx: Context): void {
    ctx.writeAndFlush(message(HELLO, this.ledger.taken, HEAD_BYTES));
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    const [kind] = bytes;
    if (kind === NUMBERED) this.ledger.take(bytes.readUInt32BE(1), bytes.length);
    else if (kind === HELLO) this.agree(ctx, bytes.readUInt32BE(1));
    else ctx.fireChannelRead(bytes);
  }

  channelWritabilityChanged(ctx: Context): void {
    this.talk(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof LinkResumedEvent) this.ledger.resumed += 1;
    ctx.fireUserEventTriggered(event);
  }

  private agree(ctx: Context, peerHas: number): void {
    this.isAgreed = true;
    this.ledger.agreed.push(peerHas);
    this.ledger.written = peerHas;
    this.talk(ctx);
  }

  private talk(ctx: Context): void {
    const { ledger } = this;
    if (!this.isAgreed) return;
    while (ctx.channel.isWritable && ledger.written < ledger.limit) {
      ledger.written += 1;
      ctx.write(message(NUMBERED, ledger.written, bytesOf(ledger.written)));
    }
    ctx.flush();
  }
}
