import type { Channel, Context, Direction } from '../contract.ts';
import { isDrainEvent, isDrainStartEvent } from '../drain-mark.ts';
import { toError } from '../errors.ts';
import { DrainGate } from '../hold/drain-gate.ts';
import { dropsKeptMessages, ReadGate } from '../hold/read-gate.ts';
import { TlsUpgradeEvent } from '../tls-upgrade-event.ts';
import { COMPLETE, INACTIVE, KeptEvent, UNREGISTERED } from './kept-event.ts';
import { KeptQueue, sizeOf } from './kept-queue.ts';
import { isTurnCheckDue } from './turn-check.ts';

/** After the channel has closed, so many messages of its peer are still delivered; the rest is dropped. */
export const MAX_LATE_MESSAGES = 16_384;

/** The steps of a handler with its {@link KeptInput}: each has a default. */
export interface KeptInputSteps {
  /** The handler's name, for `channel.readHolds` while the handler itself holds reads. @default kept input */
  readonly why?: string;
  /** Passes a message on, as if it came now. @default ctx.fireChannelRead */
  readonly passOn?: (ctx: Context, message: unknown) => void;
  /**
   * The question before each message, and before the handler goes on with a begun one. False keeps the message; the
   * handler calls {@link KeptInput.deliver} when the answer has changed. `isDue`: an error or the close follows the
   * message, which waits for no demand and no rate any more. @default true
   */
  readonly mayPass?: (ctx: Context, isDue: boolean) => boolean;
  /** Goes on with the message that the handler had begun when it called {@link KeptInput.pause}. */
  readonly goOn?: (ctx: Context) => void;
  /** Passes the end of a burst on. @default ctx.fireChannelReadComplete */
  readonly complete?: (ctx: Context) => void;
  /** Passes on an event that is neither a message nor the end of a burst. @default event.fire(ctx) */
  readonly event?: (ctx: Context, event: KeptEvent) => void;
  /** The handler has been removed: passes on the rest of the message that it had begun, as it is. */
  readonly removed?: (ctx: Context) => void;
  /** True if messages that are kept when the handler is removed still take the step `passOn`. @default false */
  readonly passOnWhenRemoved?: boolean;
  /** Called after each delivery, whether something is left or not. */
  readonly delivered?: (ctx: Context) => void;
  /** The message that the handler had begun is dropped. */
  readonly dropped?: () => void;
  /** For an upgrade to TLS: messages that are left of the one that the handler had begun. @default none */
  readonly begun?: () => readonly unknown[];
}

/**
 * Input that a handler keeps for later, in order: the one home of its rules, the counterpart of `PendingWriteQueue`.
 * The handler gives it every inbound event from `channelRead` on; {@link KeptInputHandler} does that.
 *
 * - **Order** Events that arrive while something is kept are kept after it: messages, ends of
 *   bursts, errors, user events and the end of the input. A {@link TlsUpgradeEvent} passes at once
 *   and is given the number of bytes kept; a {@link DrainStartEvent} passes at once; so does a
 *   {@link DrainEvent}, and the drain waits until nothing is kept.
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
  private readonly queue = new KeptQueue();
  /** The handler stopped in the middle of a message. */
  private isBegun = false;
  /** Calls of the handler that have not returned, or whose promise is pending: nothing else is delivered. */
  private calls = 0;
  /** Messages are being passed on; a handler that does so itself sets it by {@link keepWithin}. */
  private isWithin = false;
  private isWaiting = false;
  private awaitsTurn = false;
  private isInBurst = false;
  private hasPassed = false;
  private closed = false;
  private late = 0;
  private gate: ReadGate | undefined = undefined;
  private drain: DrainGate | undefined = undefined;

  constructor(steps: KeptInputSteps = {}) {
    this.steps = steps;
  }

  /** Nothing is kept. */
  get isEmpty(): boolean {
    return this.queue.isEmpty && !this.isBegun && this.calls === 0;
  }

  /** How many messages are kept. */
  get size(): number {
    return this.queue.messages;
  }

  /** Messages are being passed on, or are kept: a message that arrives now is kept. */
  get isBusy(): boolean {
    return this.isWithin || !this.isEmpty;
  }

  /** Kept messages are being passed on. */
  get isDelivering(): boolean {
    return this.isWithin;
  }

  /** The channel has closed. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Messages delivered now wait for no release: an error or the close follows. */
  get isDue(): boolean {
    return this.queue.isDue || this.closed;
  }

  /** For an upgrade to TLS: a message that is not bytes counts as one. */
  get bytes(): number {
    let { bytes } = this.queue;
    for (const message of this.steps.begun?.() ?? []) bytes += sizeOf(message);
    return bytes;
  }

  // --- the handler's own hold ---

  /** Holds reads in the handler's name, until {@link release}. */
  hold(channel: Channel): void {
    if (this.closed) return;
    this.gate ??= new ReadGate(this.steps.why ?? 'kept input');
    this.gate.hold(channel);
  }

  /** Releases that hold. */
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

  /** The handler itself has passed messages of this burst on: it has an end, whatever is kept of it. */
  passed(): void {
    this.hasPassed = true;
  }

  /** Keeps a message after the others. */
  keep(message: unknown): void {
    this.queue.addMessage(message);
    this.drain?.update();
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
    this.drain?.update();
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

  /** As the handler's own method. */
  channelReadComplete(ctx: Context): void {
    this.isInBurst = false;
    if (!this.isBusy) {
      this.complete(ctx);
      return;
    }
    this.queue.addComplete();
    if (!this.isWithin && this.isCompleteDue(ctx)) this.complete(ctx);
  }

  /** As the handler's own method. */
  userEventTriggered(ctx: Context, value: unknown): void {
    const event = new KeptEvent('userEventTriggered', value);
    if (value instanceof TlsUpgradeEvent) value.holding(this.bytes);
    else if (isDrainEvent(value)) {
      // Its input may have been cut when the drain of the server started.
      if (!this.isWithin && dropsKeptMessages(ctx.channel)) this.drop();
      this.drain ??= new DrainGate('kept input', () => !this.isEmpty);
      this.drain.see(value);
    } else if (!isDrainStartEvent(value)) {
      this.event(ctx, event);
      return;
    }
    this.fire(ctx, event);
  }

  /** As the handler's own method. */
  exceptionCaught(ctx: Context, error: Error): void {
    const event = new KeptEvent('exceptionCaught', error);
    if (!this.isEmpty) this.queue.makeDue();
    this.end(ctx, event);
  }

  /** As the handler's own method. */
  channelShutdown(ctx: Context, direction: Direction): void {
    const event = new KeptEvent('channelShutdown', direction);
    if (direction === 'output') this.fire(ctx, event);
    else this.end(ctx, event);
  }

  /** As the handler's own method. */
  channelInactive(ctx: Context): void {
    this.closed = true;
    this.gate?.release();
    this.end(ctx, INACTIVE);
  }

  /** As the handler's own method. */
  channelUnregistered(ctx: Context): void {
    this.event(ctx, UNREGISTERED);
  }

  /** Passes an event on, or keeps it. */
  event(ctx: Context, event: KeptEvent): void {
    if (this.isEmpty) this.fire(ctx, event);
    else this.queue.addEvent(event);
  }

  /** As the handler's own method. */
  handlerRemoved(ctx: Context): void {
    // In the middle of a delivery its loop does it. Handlers before this one go on when the hold is released.
    if (!this.isWithin) this.passOnAll(ctx);
    this.gate?.release();
  }

  /** As {@link event}, for one that lets more messages pass. */
  private end(ctx: Context, event: KeptEvent): void {
    this.event(ctx, event);
    this.deliver(ctx);
  }

  // --- calls that may take long ---

  /** Before a call of the handler during which, and during whose promise, nothing else may be delivered. */
  beginCall(): void {
    this.calls += 1;
  }

  /** The call has returned a promise: reads are held, and a drain waits, until {@link endCall}. */
  awaitCall(ctx: Context): void {
    this.drain?.update();
    if (!ctx.isRemoved) this.hold(ctx.channel);
  }

  /** The call has returned, or its promise is settled. */
  endCall(ctx: Context): void {
    this.calls -= 1;
    if (this.calls > 0) return;
    this.deliver(ctx);
    if (!this.isEmpty) return;
    this.nothingLeft();
    this.release();
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

  /** Delivers everything that may be delivered now. */
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
    if (!this.isInBurst && (this.isEmpty ? this.hasPassed : this.isCompleteDue(ctx))) {
      this.complete(ctx);
    }
    this.steps.delivered?.(ctx);
  }

  private deliverSome(ctx: Context): void {
    const { channel } = ctx;
    for (let count = 1; !ctx.isRemoved; count++) {
      if (dropsKeptMessages(channel)) this.drop();
      while (this.isFree && this.queue.peek() instanceof KeptEvent) {
        this.fire(ctx, this.queue.shift() as KeptEvent);
      }
      if (this.calls > 0 || this.isEmpty || ctx.isRemoved) return;
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
      this.passKept(ctx, this.queue.shift());
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
    this.queue.dropMessages();
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
        const entry = this.queue.shift();
        if (!(entry instanceof KeptEvent)) this.passOn(ctx, entry);
        else if (this.queue.size < left) this.fire(ctx, entry);
        else this.queue.addEvent(entry);
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
    const { isWithin } = this;
    this.isWithin = true;
    while (this.calls === 0 && !this.queue.isEmpty) this.passOnRemoved(ctx, this.queue.shift());
    this.isWithin = isWithin;
    if (!this.isEmpty) return;
    this.nothingLeft();
    if (this.hasPassed && !this.isInBurst) this.complete(ctx);
  }

  private passOnRemoved(ctx: Context, entry: unknown): void {
    if (entry instanceof KeptEvent) {
      this.fire(ctx, entry);
      return;
    }
    this.hasPassed = true;
    if (this.steps.passOnWhenRemoved) this.passKept(ctx, entry);
    else ctx.fireChannelRead(entry);
  }

  /** A throw is that of one message: those after it are passed on, and what is done after the last one is done. */
  private passKept(ctx: Context, message: unknown): void {
    try {
      this.passOn(ctx, message);
    } catch (thrown) {
      ctx.fireExceptionCaught(toError(thrown));
    }
  }

  private passOn(ctx: Context, message: unknown): void {
    const { passOn } = this.steps;
    if (passOn === undefined) ctx.fireChannelRead(message);
    else passOn(ctx, message);
  }

  private fire(ctx: Context, event: KeptEvent): void {
    if (event === COMPLETE) {
      const next = this.queue.peek();
      // One is enough for messages that are delivered together.
      const isLast = next === undefined || next instanceof KeptEvent;
      if (this.hasPassed && isLast) this.complete(ctx);
    } else if (this.steps.event === undefined) event.fire(ctx);
    else this.steps.event(ctx, event);
  }

  /** A handler after this one that holds reads may wait for a flush at the end of a burst. */
  private isCompleteDue(ctx: Context): boolean {
    return this.hasPassed && this.calls === 0 && ctx.channel.isReadHeld;
  }

  private get isFree(): boolean {
    return !this.isBegun && this.calls === 0;
  }

  private complete(ctx: Context): void {
    this.hasPassed = false;
    if (this.steps.complete === undefined) ctx.fireChannelReadComplete();
    else this.steps.complete(ctx);
  }

  private nothingLeft(): void {
    this.queue.endDue();
    this.drain?.update();
  }

  /** Others hold reads. */
  private isHeld(channel: Channel): boolean {
    return this.gate === undefined ? channel.isReadHeld : this.gate.isHeldByOthers(channel);
  }
}
