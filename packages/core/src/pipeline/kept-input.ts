import type { Channel, Context, Direction } from '../contract.ts';
import { DrainEvent, type DrainHold } from '../drain-event.ts';
import { Fifo } from '../internal/fifo.ts';
import { unpinAll } from '../internal/pinned-memory.ts';
import { dropsKeptMessages, ReadGate } from '../internal/read-gate.ts';
import { isTurnCheckDue } from '../internal/turn-check.ts';
import { TlsUpgradeEvent } from '../tls-upgrade-event.ts';

/** After the channel has closed, so many messages of its peer are still delivered; the rest is dropped. */
export const MAX_LATE_MESSAGES = 16_384;

/** What a handler does with its {@link KeptInput}: each step has a default. */
export interface KeptInputSteps {
  /** For `channel.readHolds`, while the handler itself holds reads; its name. */
  readonly why?: string;
  /** Passes a message on, as if it came now. @default ctx.fireChannelRead */
  readonly passOn?: (ctx: Context, message: unknown) => void;
  /**
   * Asked right before each message, and before it goes on with a begun one; false keeps it, and the handler calls {@link KeptInput.deliver} when that has
   * changed. `isDue`: an error or the close follows the message, which waits for no demand and no rate any more.
   * @default true
   */
  readonly mayPass?: (ctx: Context, isDue: boolean) => boolean;
  /** Goes on with what the handler itself had begun when it called {@link KeptInput.pause}. */
  readonly goOn?: (ctx: Context) => void;
  /** Passes the end of a burst on. @default ctx.fireChannelReadComplete */
  readonly complete?: (ctx: Context) => void;
  /** Passes the end of the input on, after everything before it. @default ctx.fireChannelShutdown, ctx.fireChannelInactive */
  readonly end?: (ctx: Context, kind: 'shutdown' | 'inactive') => void;
  /** The handler has been removed: passes on what it had begun, as it is. */
  readonly removed?: (ctx: Context) => void;
  /** Called after each delivery, whether something is left or not. */
  readonly delivered?: (ctx: Context) => void;
  /** What the handler itself had begun is dropped. */
  readonly dropped?: () => void;
  /** For an upgrade to TLS: messages that are left of what the handler itself had begun. @default none */
  readonly begun?: () => readonly unknown[];
}

/** An event that followed messages that are kept. */
class KeptEvent {
  readonly kind: 'complete' | 'event' | 'error' | 'shutdown' | 'inactive' | 'unregistered';
  readonly value: unknown;

  constructor(kind: KeptEvent['kind'], value?: unknown) {
    this.kind = kind;
    this.value = value;
  }
}

/** A message that is not bytes counts as one. */
function sizeOf(message: unknown): number {
  return message instanceof Uint8Array ? Math.max(1, message.length) : 1;
}

const COMPLETE = new KeptEvent('complete');

/**
 * Input that a handler keeps for later, in order: the one home of its rules, the counterpart of `PendingWriteQueue`.
 * The handler gives it every inbound event from `channelRead` on; {@link KeptInputHandler} does that.
 *
 * - **Order** What arrives while something is kept is kept after it: messages, ends of bursts, errors, user events and
 *   the end of the input. A {@link TlsUpgradeEvent} passes at once and is given the number of bytes kept; a
 *   {@link DrainEvent} passes at once and the drain waits until nothing is kept.
 * - **Holds** While others hold reads nothing is delivered, and delivery goes on when the last hold is released; after
 *   a half-closure too. Each few messages the channel's turn is checked.
 * - **An error** makes the messages before it due: they are delivered although reads are held.
 * - **The close** makes everything due, by turns of the event loop, and passes after it: up to
 *   {@link MAX_LATE_MESSAGES} messages. The channel removes its handlers after that.
 * - **Our own end** drops the messages; errors, user events and the end still pass.
 * - **Removal** passes everything on at once.
 * - **Memory** At the end of a burst, bytes that are a small part of their read's memory are copied out of it.
 */
export class KeptInput {
  private readonly steps: KeptInputSteps;
  private readonly queue = new Fifo<unknown>();
  private messages = 0;
  /** This many entries at the front are delivered even while reads are held. */
  private due = 0;
  /** So many entries at the front have memory of their own. */
  private unpinned = 0;
  /** The handler stopped in the middle of a message. */
  private isBegun = false;
  /** Messages are being passed on; a handler that does so itself sets it by {@link keepWithin}. */
  private isWithin = false;
  private isWaiting = false;
  private awaitsTurn = false;
  private isInBurst = false;
  private hasPassed = false;
  private closed = false;
  private late = 0;
  private gate: ReadGate | undefined = undefined;
  private drain: DrainEvent | undefined = undefined;
  private drainHold: DrainHold | undefined = undefined;

  constructor(steps: KeptInputSteps = {}) {
    this.steps = steps;
  }

  /** Nothing is kept. */
  get isEmpty(): boolean {
    return this.queue.isEmpty && !this.isBegun;
  }

  /** How many messages are kept. */
  get size(): number {
    return this.messages;
  }

  /** Messages are being passed on, or are kept: what arrives now is kept. */
  get isBusy(): boolean {
    return this.isWithin || this.isBegun || !this.queue.isEmpty;
  }

  /** Kept messages are being passed on. */
  get isDelivering(): boolean {
    return this.isWithin;
  }

  /** The channel has closed. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** What is delivered now waits for no release: an error or the close follows. */
  get isDue(): boolean {
    return this.due > 0 || this.closed;
  }

  /** For an upgrade to TLS: a message that is not bytes counts as one. */
  get bytes(): number {
    let bytes = 0;
    for (const message of this.steps.begun?.() ?? []) bytes += sizeOf(message);
    for (let at = 0; at < this.queue.size; at++) {
      const message = this.queue.at(at);
      if (!(message instanceof KeptEvent)) bytes += sizeOf(message);
    }
    return bytes;
  }

  // --- the handler's own hold ---

  /** Holds reads in the handler's name, until {@link release}. */
  hold(channel: Channel): void {
    if (this.closed) return;
    this.gate ??= new ReadGate(this.steps.why ?? 'kept input');
    this.gate.hold(channel);
  }

  release(): void {
    this.gate?.release();
  }

  // --- what arrives ---

  /** Passes a message on, or keeps it. */
  channelRead(ctx: Context, message: unknown): void {
    this.isInBurst = true;
    if (!this.isBusy && !this.isHeld(ctx.channel) && this.steps.mayPass?.(ctx, false) !== false) {
      this.hasPassed = true;
      this.passOn(ctx, message);
      return;
    }
    this.keep(message);
    this.deliver(ctx);
  }

  /** Keeps a message after the others. */
  keep(message: unknown): void {
    this.queue.push(message);
    this.messages += 1;
    if (this.drain !== undefined) this.holdDrain();
  }

  /** Keeps a message that came while the handler was passing on another one itself; {@link deliverWithin} follows. */
  keepWithin(message: unknown): void {
    this.isWithin = true;
    this.keep(message);
  }

  /** The handler stops in the middle of a message; `steps.goOn` goes on with it. */
  pause(hasPassed: boolean): void {
    this.isBegun = true;
    this.hasPassed ||= hasPassed;
    if (this.drain !== undefined) this.holdDrain();
  }

  /**
   * For a handler that makes many messages of one, after each of them: true if it must stop. The rest is then paused, and
   * `steps.goOn` goes on with it; or it was dropped.
   *
   * @param hasPassed - false before the first of them
   */
  stops(ctx: Context, hasPassed = true): boolean {
    const { channel } = ctx;
    if (dropsKeptMessages(channel) || (this.closed && this.isTooLate(channel))) {
      this.isBegun = true;
      this.drop();
      return true;
    }
    const mustStop = this.isDue ? channel.checkTurn() : this.isHeld(channel);
    if (mustStop) this.pause(hasPassed);
    return mustStop;
  }

  channelReadComplete(ctx: Context): void {
    this.isInBurst = false;
    if (!this.isBusy) {
      this.complete(ctx);
      return;
    }
    unpinAll(this.queue, this.unpinned);
    if (this.queue.last !== COMPLETE) this.queue.push(COMPLETE);
    this.unpinned = this.queue.size;
    // The handler that took the hold may wait for what is flushed at the end of a burst.
    if (!this.isWithin && this.hasPassed && ctx.channel.isReadHeld) this.complete(ctx);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof TlsUpgradeEvent) event.holding(this.bytes);
    else if (event instanceof DrainEvent) {
      this.drain = event;
      if (!this.isEmpty) this.holdDrain();
    } else if (!this.isEmpty) {
      this.queue.push(new KeptEvent('event', event));
      return;
    }
    ctx.fireUserEventTriggered(event);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (this.isEmpty) {
      ctx.fireExceptionCaught(error);
      return;
    }
    this.queue.push(new KeptEvent('error', error));
    this.due = this.queue.size;
    this.deliver(ctx);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'output') ctx.fireChannelShutdown(direction);
    else this.end(ctx, new KeptEvent('shutdown'));
  }

  channelInactive(ctx: Context): void {
    this.closed = true;
    this.gate?.release();
    this.end(ctx, new KeptEvent('inactive'));
  }

  channelUnregistered(ctx: Context): void {
    if (this.isEmpty) ctx.fireChannelUnregistered();
    else this.queue.push(new KeptEvent('unregistered'));
  }

  handlerRemoved(ctx: Context): void {
    // In the middle of a delivery its loop does it. Handlers before this one go on when the hold is released.
    if (!this.isWithin) this.passOnAll(ctx);
    this.gate?.release();
  }

  private end(ctx: Context, event: KeptEvent): void {
    if (this.isEmpty) {
      this.fire(ctx, event);
      return;
    }
    this.queue.push(event);
    this.deliver(ctx);
  }

  // --- what leaves ---

  /** As {@link deliver}, at the end of the call of the handler's `channelRead` during which something was kept. */
  deliverWithin(ctx: Context): void {
    this.isWithin = false;
    this.isInBurst = true;
    this.deliver(ctx);
    if (this.isBusy) return;
    // The handler itself passes on the end of a burst that left nothing here.
    this.isInBurst = false;
    this.hasPassed = false;
  }

  /** Delivers what may be delivered now. */
  deliver(ctx: Context): void {
    if (this.isWithin || !this.isBusy) return;
    this.isWithin = true;
    try {
      this.deliverSome(ctx);
    } finally {
      this.isWithin = false;
    }
    if (ctx.isRemoved) this.passOnAll(ctx);
    if (this.isEmpty) this.nothingLeft();
    if (this.hasPassed && !this.isInBurst && (this.isEmpty || ctx.channel.isReadHeld)) {
      this.complete(ctx);
    }
    this.steps.delivered?.(ctx);
  }

  private deliverSome(ctx: Context): void {
    const { channel } = ctx;
    for (let count = 1; !ctx.isRemoved; count++) {
      if (dropsKeptMessages(channel)) this.drop();
      while (!this.isBegun && this.queue.peek() instanceof KeptEvent) {
        this.fire(ctx, this.shift() as KeptEvent);
      }
      if (this.isEmpty || ctx.isRemoved) return;
      const isTurnOver = this.isDue && channel.checkTurn();
      if (isTurnOver || (!this.isDue && this.isHeld(channel))) {
        this.wait(ctx, isTurnOver);
        return;
      }
      if (!this.mayPass(ctx)) {
        if (!this.closed) return;
        this.drop();
        continue;
      }
      this.passNext(ctx);
      if (isTurnCheckDue(count)) channel.checkTurn();
    }
  }

  private passNext(ctx: Context): void {
    if (!this.isBegun) {
      this.hasPassed = true;
      this.passOn(ctx, this.shift());
      return;
    }
    this.isBegun = false;
    if (this.steps.goOn === undefined) return;
    this.hasPassed = true;
    this.steps.goOn(ctx);
  }

  /** Goes on when the holds of others are released, or with the next turn of the event loop. */
  private wait(ctx: Context, isTurnOver: boolean): void {
    if (isTurnOver) {
      if (this.awaitsTurn) return;
      this.awaitsTurn = true;
      ctx.channel.onNextTurn(() => {
        this.awaitsTurn = false;
        this.deliver(ctx);
      });
      return;
    }
    if (this.isWaiting) return;
    this.isWaiting = true;
    const isHolding = this.gate?.isHolding === true;
    this.gate ??= new ReadGate(this.steps.why ?? 'kept input');
    this.gate.waitForOthers(ctx.channel, () => {
      this.isWaiting = false;
      if (ctx.isRemoved) return;
      if (isHolding && !this.isEmpty) this.hold(ctx.channel);
      this.deliver(ctx);
    });
  }

  /** After the close nothing comes that could let a message pass which may not do so now. */
  private mayPass(ctx: Context): boolean {
    if (this.steps.mayPass?.(ctx, this.isDue) === false) return false;
    return !this.closed || !this.isTooLate(ctx.channel);
  }

  /** Counts a message that is to be delivered after the close. True if it is one too many. */
  isTooLate(channel: Channel): boolean {
    this.late += 1;
    if (this.late <= MAX_LATE_MESSAGES) return false;
    const text = `more than ${MAX_LATE_MESSAGES} messages of its peer waited when it closed`;
    channel.logger.log('debug', `${channel} drops input: ${text}`);
    return true;
  }

  /** Drops all messages; errors, user events and ends still pass. */
  drop(): void {
    const events: unknown[] = [];
    while (!this.queue.isEmpty) {
      const entry = this.queue.shift();
      if (entry instanceof KeptEvent) events.push(entry);
    }
    for (const event of events) this.queue.push(event);
    this.messages = 0;
    this.due = 0;
    this.unpinned = 0;
    if (this.isBegun) this.steps.dropped?.();
    this.isBegun = false;
  }

  /**
   * Gives each kept message to `steps.passOn` once more, in order, even while reads are held. A message that it keeps
   * again stays in its place.
   */
  lookAgain(ctx: Context): void {
    this.isWithin = true;
    this.isBegun = false;
    try {
      for (let left = this.queue.size; left > 0; left--) {
        const entry = this.shift();
        if (!(entry instanceof KeptEvent)) this.passOn(ctx, entry);
        else if (this.queue.size < left) this.fire(ctx, entry);
        else this.queue.push(entry);
      }
    } finally {
      this.isWithin = false;
    }
  }

  /** Passes everything on, as it is: the handler has been removed. */
  passOnAll(ctx: Context): void {
    if (dropsKeptMessages(ctx.channel)) this.drop();
    this.steps.removed?.(ctx);
    this.hasPassed ||= this.isBegun && this.steps.goOn !== undefined;
    this.isBegun = false;
    while (!this.queue.isEmpty) {
      const entry = this.shift();
      if (entry instanceof KeptEvent) this.fire(ctx, entry);
      else {
        this.hasPassed = true;
        ctx.fireChannelRead(entry);
      }
    }
    this.nothingLeft();
    if (this.hasPassed && !this.isInBurst) this.complete(ctx);
  }

  private passOn(ctx: Context, message: unknown): void {
    const { passOn } = this.steps;
    if (passOn === undefined) ctx.fireChannelRead(message);
    else passOn(ctx, message);
  }

  private fire(ctx: Context, { kind, value }: KeptEvent): void {
    if (kind === 'complete') {
      const next = this.queue.peek();
      // One is enough for messages that are delivered together.
      const isLast = next === undefined || next instanceof KeptEvent;
      if (this.hasPassed && isLast) this.complete(ctx);
    } else if (kind === 'event') ctx.fireUserEventTriggered(value);
    else if (kind === 'error') ctx.fireExceptionCaught(value as Error);
    else if (kind === 'unregistered') ctx.fireChannelUnregistered();
    else {
      if (this.steps.end !== undefined) this.steps.end(ctx, kind);
      else if (kind === 'shutdown') ctx.fireChannelShutdown('input');
      else ctx.fireChannelInactive();
    }
  }

  private complete(ctx: Context): void {
    this.hasPassed = false;
    if (this.steps.complete === undefined) ctx.fireChannelReadComplete();
    else this.steps.complete(ctx);
  }

  private shift(): unknown {
    const entry = this.queue.shift();
    if (!(entry instanceof KeptEvent)) this.messages -= 1;
    if (this.due > 0) this.due -= 1;
    if (this.unpinned > 0) this.unpinned -= 1;
    return entry;
  }

  private holdDrain(): void {
    this.drainHold ??= this.drain?.hold('kept input');
  }

  private nothingLeft(): void {
    this.due = 0;
    this.drainHold?.release();
    this.drainHold = undefined;
  }

  /** Others hold reads. */
  private isHeld(channel: Channel): boolean {
    return this.gate === undefined ? channel.isReadHeld : this.gate.isHeldByOthers(channel);
  }
}
