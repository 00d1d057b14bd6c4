import type { Channel, Clock } from './contract.ts';
import { DRAIN_START_EVENT } from './drain-names.ts';
import { recognizeCopies } from './package/recognize-copies.ts';

/** The part of its channel's input that a drain ends before the channel. */
interface DrainedInput {
  /** Asks for nothing more: what was read is still delivered. */
  stop(): void;
  /** Drops what has not been delivered, and what comes. */
  cut(): void;
}

/** The channels whose input ends when a drain starts: waits until what they had read has been delivered. */
class InputBarrier {
  private readonly inputs = new Set<DrainedInput>();
  private readonly pending = new Set<DrainedInput>();
  private isOver = false;
  private passed: (() => void) | undefined = undefined;

  add(channel: Channel, input: DrainedInput): void {
    if (this.inputs.has(input)) return;
    input.stop();
    if (this.isOver) {
      input.cut();
      return;
    }
    this.inputs.add(input);
    this.pending.add(input);
    channel.onClosed(() => this.delivered(input));
    this.look(channel, input);
  }

  oncePassed(clock: Clock, timeoutMs: number, listener: () => void): void {
    this.passed = listener;
    if (this.pending.size === 0) this.pass();
    else {
      const timer = clock.schedule(() => this.pass(), timeoutMs, true);
      this.passed = () => {
        timer.cancel();
        listener();
      };
    }
  }

  /** A handler that keeps what was read holds reads; when they are released, it delivers, and may hold them again. */
  private look(channel: Channel, input: DrainedInput): void {
    if (!channel.isReadHeld) this.delivered(input);
    else channel.onceReadable(() => channel.clock.nextTurn(() => this.look(channel, input)));
  }

  private delivered(input: DrainedInput): void {
    this.pending.delete(input);
    if (this.pending.size === 0) this.pass();
  }

  private pass(): void {
    const { passed } = this;
    if (this.isOver || passed === undefined) return;
    this.isOver = true;
    for (const input of this.inputs) input.cut();
    this.inputs.clear();
    passed();
  }
}

/**
 * Announces that the connections of a server begin to end: fired through the pipeline of each of them before the first
 * gets its `DrainEvent`. A handler that answers for messages which other connections must get calls
 * {@link stopInput}: a message that is accepted later would miss those that have ended. Each handler passes the event on.
 *
 * @example
 * ```ts run
 * import { type Context, DrainStartEvent } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel({
 *   userEventTriggered(ctx: Context, event: unknown) {
 *     if (event instanceof DrainStartEvent) event.stopInput();
 *     ctx.fireUserEventTriggered(event);
 *   },
 * });
 * channel.run(() => channel.pipeline.fireUserEventTriggered(new DrainStartEvent()));
 * console.log(channel.embedded.isReading);
 * // prints false
 * ```
 */
export class DrainStartEvent {
  static {
    recognizeCopies(DrainStartEvent, DRAIN_START_EVENT);
  }

  private static readonly seen = new WeakMap<Channel, DrainStartEvent>();

  /** The event that has passed the last handler of a channel, for a handler that is added later. */
  static seenBy(channel: Channel): DrainStartEvent | undefined {
    return DrainStartEvent.seen.get(channel);
  }

  private readonly barrier: InputBarrier;
  private channel: Channel | undefined = undefined;
  private input: DrainedInput | undefined = undefined;
  private isStopped = false;

  /** @param of - the event of the connection that carries this channel, such as that of a WebSocket */
  constructor(of?: DrainStartEvent) {
    this.barrier = of?.barrier ?? new InputBarrier();
  }

  /**
   * Nothing more is read from this peer. Messages that were read and wait in handlers are still delivered, for a second or an
   * eighth of the drain's time at most; then the first channel ends, and input that is left is dropped.
   */
  stopInput(): void {
    this.isStopped = true;
    if (this.input !== undefined) this.barrier.add(this.channel!, this.input);
  }

  /** @internal The event has passed the last handler of this channel. */
  passed(channel: Channel, input: DrainedInput): void {
    this.channel = channel;
    this.input = input;
    DrainStartEvent.seen.set(channel, this);
    if (this.isStopped) this.stopInput();
  }

  /** @internal Calls back when everything that was read is delivered, or the time is over. */
  onceDelivered(clock: Clock, timeoutMs: number, listener: () => void): void {
    this.barrier.oncePassed(clock, timeoutMs, listener);
  }
}
