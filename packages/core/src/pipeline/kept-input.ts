import type { Channel, Context, Direction } from '../contract.ts';
import type { DrainEvent } from '../drain/drain-event.ts';
import { DrainGate } from '../drain/drain-gate.ts';
import { isDrainEvent, isDrainStartEvent } from '../drain/drain-mark.ts';
import { toError } from '../errors.ts';
import { dropsKeptMessages, ReadGate } from '../hold/read-gate.ts';
import { isTurnCheckDue } from '../time/turn-check.ts';
import { keepIfLent, keepLoan } from '../transport/read-loan.ts';
import { COMPLETE, INACTIVE, KeptEvent, UNREGISTERED } from './kept-event.ts';
import { KeptQueue, sizeOf } from './kept-queue.ts';
import { TlsUpgradeEvent } from './tls-upgrade-event.ts';

/** Maximum number of the peer's messages that are delivered after the channel has closed. Further messages are dropped. */
export const MAX_LATE_MESSAGES = 16_384;

/** The steps of a handler with its {@link KeptInput}. Each step has a default. */
export interface KeptInputSteps {
  /** Name of the handler, for `channel.readHolds` while the handler itself holds reads. @default kept input */
  readonly why?: string;
  /** Passes a message on as if it had just arrived. @default ctx.fireChannelRead */
  readonly passOn?: (ctx: Context, message: unknown) => void;
  /**
   * Called before each message, and before the handler continues with a message. If it returns false, the message is kept, and
   * the handler calls {@link KeptInput.deliver} when the answer changes. With `isDue`, an error or the close follows the
   * message, which no longer waits for a demand or a rate. @default true
   */
  readonly mayPass?: (ctx: Context, isDue: boolean) => boolean;
  /** Continues with the message during which the handler called {@link KeptInput.pause}. */
  readonly resume?: (ctx: Context) => void;
  /** Passes the end of a burst on. @default ctx.fireChannelReadComplete */
  readonly complete?: (ctx: Context) => void;
  /** Passes on an event that is neither a message nor the end of a burst. @default event.fire(ctx) */
  readonly event?: (ctx: Context, event: KeptEvent) => void;
  /** Called when the handler was removed. Passes on the unchanged rest of the message that the handler had started. */
  readonly removed?: (ctx: Context) => void;
  /** Whether messages that are kept when the handler is removed still pass the step `passOn`. @default false */
  readonly passOnWhenRemoved?: boolean;
  /** Called after each delivery, even if messages are left. */
  readonly delivered?: (ctx: Context) => void;
  /** Called when the rest of the message that the handler had started is dropped. */
  readonly dropped?: () => void;
  /** Returns the remaining messages of the message that the handler had started, for an upgrade to TLS. @default none */
  readonly begun?: () => readonly unknown[];
}

/**
 * Input that a handler keeps for later, in order, the counterpart of `PendingWriteQueue`. The handler passes every inbound event
 * from `channelRead` on to it, as {@link KeptInputHandler} does.
 *
 * - **Order** Messages, ends of bursts, errors, user events and the end of the input are kept after earlier kept input. A
 *   {@link TlsUpgradeEvent} passes at once and receives the number of kept bytes. A {@link DrainStartEvent} passes at once. A
 *   {@link DrainEvent} passes at once, and the drain waits until no input is kept.
 * - **Holds** While other handlers hold reads, nothing is delivered. Delivery continues when the last hold is released, even
 *   after a half-closure. The channel's turn is checked every few messages.
 * - **An error** makes the messages before it due. Due messages are delivered even while reads are held.
 * - **The close** makes all kept input due and passes after it. Up to {@link MAX_LATE_MESSAGES} messages are delivered, in turns
 *   of the event loop. The channel then removes its handlers.
 * - **Our own end** drops the messages. Errors, user events and the end of the input still pass.
 * - **Removal** passes everything on at once.
 * - **Memory** At the end of a burst, bytes that are a small part of the memory of their read are copied out of it.
 */
export class KeptInput {
  private readonly steps: KeptInputSteps;
  private readonly queue = new KeptQueue();
  /** Whether the handler stopped in the middle of a message. */
  private isBegun = false;
  /**
   * Number of calls of the handler that have not returned or whose promise is pending. Until then, nothing else is delivered.
   */
  private calls = 0;
  /** Whether messages are being passed on. A handler that passes messages on itself sets it with {@link keepWithin}. */
  private isWithin = false;
  private isWaiting = false;
  /** Whether the handler's own hold was released for the wait, and follows it. */
  private holdsAgain = false;
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

  get isEmpty(): boolean {
    return this.queue.isEmpty && !this.isBegun && this.calls === 0;
  }

  get size(): number {
    return this.queue.messages;
  }

  /** Whether messages are being passed on or are kept. If true, a message that arrives is kept. */
  get isBusy(): boolean {
    return this.isWithin || !this.isEmpty;
  }

  get isDelivering(): boolean {
    return this.isWithin;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Whether messages are delivered without waiting for a release, because an error or the close follows. */
  get isDue(): boolean {
    return this.queue.isDue || this.closed;
  }

  /** Number of kept bytes, for an upgrade to TLS. A message that is not bytes counts as one byte. */
  get bytes(): number {
    let { bytes } = this.queue;
    for (const message of this.steps.begun?.() ?? []) bytes += sizeOf(message);
    return bytes;
  }

  // --- the handler's own hold ---

  /** Holds reads in the name of the handler until {@link release}. */
  hold(channel: Channel): void {
    if (this.closed) return;
    this.gate ??= new ReadGate(this.steps.why ?? 'kept input');
    this.gate.hold(channel);
  }

  /** Releases the hold of the handler. */
  release(): void {
    this.holdsAgain = false;
    this.gate?.release();
  }

  // --- input and events that arrive ---

  /** Passes a message on or keeps it. */
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

  /** Records that the handler itself has passed messages of this burst on, so that the end of the burst must follow. */
  passed(): void {
    this.hasPassed = true;
  }

  /** Keeps a message after the others. */
  keep(message: unknown): void {
    keepIfLent(message);
    this.queue.addMessage(message);
    this.drain?.update();
  }

  /** Keeps a message that arrived while the handler was passing on another message itself. {@link deliverWithin} must follow. */
  keepWithin(message: unknown): void {
    this.isWithin = true;
    this.keep(message);
  }

  /** Records that the handler stops in the middle of a message. `steps.resume` continues with the message. */
  pause(hasPassed: boolean): void {
    keepLoan();
    this.isBegun = true;
    this.hasPassed ||= hasPassed;
    this.drain?.update();
  }

  /**
   * Returns true if a handler that makes many messages from one must stop. Called after each of them. The rest is then paused
   * until `steps.resume`, or was dropped.
   *
   * @param hasPassed - false before the first of the messages
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
    this.queue.addComplete();
    if (!this.isWithin && this.isCompleteDue(ctx)) this.complete(ctx);
  }

  userEventTriggered(ctx: Context, value: unknown): void {
    const event = new KeptEvent('userEventTriggered', value);
    if (value instanceof TlsUpgradeEvent) value.holding(this.bytes);
    else if (isDrainEvent(value)) {
      // The input might have been cut when the drain of the server started.
      if (!this.isWithin && dropsKeptMessages(ctx.channel)) this.drop();
      this.drainBegan(value);
    } else if (!isDrainStartEvent(value)) {
      this.event(ctx, event);
      return;
    }
    this.fire(ctx, event);
  }

  /** Makes a drain wait until no input is kept. */
  drainBegan(drain: DrainEvent): void {
    this.drain ??= new DrainGate('kept input', () => !this.isEmpty);
    this.drain.see(drain);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    const event = new KeptEvent('exceptionCaught', error);
    if (!this.isEmpty) this.queue.makeDue();
    this.end(ctx, event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    const event = new KeptEvent('channelShutdown', direction);
    if (direction === 'output') this.fire(ctx, event);
    else this.end(ctx, event);
  }

  channelInactive(ctx: Context): void {
    this.closed = true;
    this.gate?.release();
    this.end(ctx, INACTIVE);
  }

  channelUnregistered(ctx: Context): void {
    this.event(ctx, UNREGISTERED);
  }

  /** Passes an event on or keeps it. */
  event(ctx: Context, event: KeptEvent): void {
    if (this.isEmpty) this.fire(ctx, event);
    else this.queue.addEvent(event);
  }

  handlerRemoved(ctx: Context): void {
    // During a delivery, its loop passes the input on. Handlers before this one continue when the hold is released.
    if (!this.isWithin) this.passOnAll(ctx);
    this.gate?.release();
  }

  /** Passes an event on or keeps it, and delivers the messages that it allows. */
  private end(ctx: Context, event: KeptEvent): void {
    this.event(ctx, event);
    this.deliver(ctx);
  }

  // --- calls that can take long ---

  /** Called before a call of the handler. Nothing else is delivered until the call returns and its promise is settled. */
  beginCall(): void {
    this.calls += 1;
  }

  /** Holds reads and the drain until {@link endCall}, because the call has returned a promise. */
  awaitCall(ctx: Context): void {
    this.drain?.update();
    if (!ctx.isRemoved) this.hold(ctx.channel);
  }

  /** Called when the call has returned or its promise is settled. */
  endCall(ctx: Context): void {
    this.calls -= 1;
    if (this.calls > 0) return;
    this.deliver(ctx);
    if (!this.isEmpty) return;
    this.nothingLeft();
    this.release();
  }

  // --- delivery ---

  /** Delivers as {@link deliver} does, at the end of a `channelRead` call of the handler during which a message was kept. */
  deliverWithin(ctx: Context): void {
    this.isWithin = false;
    this.isInBurst = true;
    this.deliver(ctx);
    if (this.isBusy) return;
    // The handler itself passes on the end of a burst of which no input is kept.
    this.isInBurst = false;
    this.hasPassed = false;
  }

  /** Delivers all input that can be delivered now. */
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
    if (this.steps.resume === undefined) return;
    this.hasPassed = true;
    this.steps.resume(ctx);
  }

  /** Continues when other handlers release their holds, or in the next turn of the event loop. */
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
    this.gate ??= new ReadGate(this.steps.why ?? 'kept input');
    this.holdsAgain ||= this.gate.isHolding;
    if (this.isWaiting) {
      // The listener is called when nobody holds reads, this handler neither.
      this.gate.release();
      return;
    }
    this.isWaiting = true;
    this.gate.waitForOthers(ctx.channel, () => {
      const { holdsAgain } = this;
      this.isWaiting = this.holdsAgain = false;
      if (ctx.isRemoved) return;
      if (holdsAgain && !this.isEmpty) this.hold(ctx.channel);
      this.deliver(ctx);
    });
  }

  /** After the close, no later event can allow a message that may not pass now. */
  private mayPass(ctx: Context): boolean {
    if (this.steps.mayPass?.(ctx, this.isDue) === false) return false;
    return !this.closed || !this.isTooLate(ctx.channel);
  }

  /** Counts a message that is delivered after the close. Returns true if it exceeds the maximum. */
  isTooLate(channel: Channel): boolean {
    this.late += 1;
    if (this.late <= MAX_LATE_MESSAGES) return false;
    const text = `more than ${MAX_LATE_MESSAGES} messages of its peer waited when it closed`;
    channel.logger.log('debug', `${channel} drops input: ${text}`);
    return true;
  }

  /** Drops all messages. Errors, user events and the end of the input still pass. */
  drop(): void {
    this.queue.dropMessages();
    if (this.isBegun) this.steps.dropped?.();
    this.isBegun = false;
  }

  /**
   * Passes each kept message to `steps.passOn` again, in order, even while reads are held. A message that is kept again stays in
   * its place.
   */
  redeliver(ctx: Context): void {
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

  /** Passes all input on unchanged, because the handler was removed. */
  passOnAll(ctx: Context): void {
    if (dropsKeptMessages(ctx.channel)) this.drop();
    this.steps.removed?.(ctx);
    this.hasPassed ||= this.isBegun && this.steps.resume !== undefined;
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

  /** An error concerns one message. Later messages are still passed on, and the steps after the last message still run. */
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
      // One end of a burst is enough for messages that are delivered together.
      const isLast = next === undefined || next instanceof KeptEvent;
      if (this.hasPassed && isLast) this.complete(ctx);
    } else if (this.steps.event === undefined) event.fire(ctx);
    else this.steps.event(ctx, event);
  }

  /** A later handler that holds reads might wait for a flush at the end of a burst. */
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

  /** Returns true if other handlers hold reads. */
  private isHeld(channel: Channel): boolean {
    return this.gate === undefined ? channel.isReadHeld : this.gate.isHeldByOthers(channel);
  }
}
