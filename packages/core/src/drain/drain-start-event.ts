import type { Clock } from '../contract/clock.ts';
import type { Channel } from '../contract.ts';
import { recognizeCopies } from '../package/recognize-copies.ts';
import { DRAIN_START_EVENT } from './drain-names.ts';

/** The part of a channel's input that a drain ends before the channel. */
interface DrainedInput {
  /** Stops requesting input. Input that was read is still delivered. */
  stop(): void;
  /** Drops undelivered and further input. */
  cut(): void;
}

/** The channels whose input ends when a drain starts. The barrier waits until the input that they have read is delivered. */
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

  /**
   * A handler that keeps input holds reads. When the reads are released, the handler delivers the input, and might hold reads
   * again.
   */
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
 * Announces that the connections of a server start to end. The event is fired through the pipeline of each connection before the
 * first connection receives its `DrainEvent`. A handler whose messages must reach other connections calls {@link stopInput},
 * because a message that is accepted later would not reach the connections that have ended. Each handler passes the event on.
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

  /** Returns the event that has passed the last handler of a channel, for a handler that is added later. */
  static seenBy(channel: Channel): DrainStartEvent | undefined {
    return DrainStartEvent.seen.get(channel);
  }

  private readonly barrier: InputBarrier;
  private channel: Channel | undefined = undefined;
  private input: DrainedInput | undefined = undefined;
  private isStopped = false;

  /** @param of - event of the connection that carries this channel, such as the connection of a WebSocket */
  constructor(of?: DrainStartEvent) {
    this.barrier = of?.barrier ?? new InputBarrier();
  }

  /**
   * Stops reading from this peer. Messages that were read and wait in handlers are still delivered, for an eighth of the drain's
   * time, but for at most one second. Then the first channel ends, and the remaining input is dropped.
   */
  stopInput(): void {
    this.isStopped = true;
    if (this.input !== undefined) this.barrier.add(this.channel!, this.input);
  }

  /** @internal Called when the event has passed the last handler of this channel. */
  passed(channel: Channel, input: DrainedInput): void {
    this.channel = channel;
    this.input = input;
    DrainStartEvent.seen.set(channel, this);
    if (this.isStopped) this.stopInput();
  }

  /** @internal Calls `listener` when all input that was read is delivered, or when the time has passed. */
  onceDelivered(clock: Clock, timeoutMs: number, listener: () => void): void {
    this.barrier.oncePassed(clock, timeoutMs, listener);
  }
}
