import { onAbort } from '../call/on-abort.ts';
import type { Clock, Timer } from '../contract/clock.ts';
import type { Channel } from '../contract.ts';
import { DrainEvent } from '../drain/drain-event.ts';
import { DrainStartEvent } from '../drain/drain-start-event.ts';
import { OptionError } from '../errors.ts';
import type { ChannelGroup } from '../group/channel-group.ts';
import { fn } from '../option/function-option.ts';
import { number, unchecked, whole } from '../option/option-kind.ts';
import { describeOptions, type Resolved } from '../option/option-set.ts';

/** Options of a server's shutdown. */
export interface ShutdownOptions {
  /** Maximum time for channels to close by themselves, in milliseconds. @default 10000 */
  readonly drainTimeoutMs?: number;
  /**
   * Number of channels that are notified together, and closed together after the time-out. Their peers can all
   * reconnect at the same time.
   * @default 100
   */
  readonly batch?: number;
  /**
   * Time between batches, in milliseconds. The time is shorter if the last of many batches would otherwise be
   * notified too late.
   * @default 300, or a quarter of `drainTimeoutMs`
   */
  readonly everyMs?: number;
  /**
   * Called for each active connection directly before its {@link DrainEvent}, for example to send the peer to another
   * server. The call for a connection is made in its batch, or at once for a connection that is accepted later.
   * `remainingMs` is the time until the server closes the connection. Messages that this function writes are sent
   * before the last messages of handlers. The function decides nothing else: unless it closes the channel, the
   * `DrainEvent` follows, and a channel on which nothing is under way then ends. A promise is not awaited: a handler
   * can hold the drain for work that needs time. If the function throws or its promise rejects, the channel logs the
   * error and the drain continues.
   */
  readonly tell?: (channel: Channel, remainingMs: number) => void;
  /** Signal that ends the waiting. Channels that are still open are then closed at once. */
  readonly signal?: AbortSignal;
}

const OPTIONS = describeOptions('shutdown', {
  drainTimeoutMs: number({ default: 10_000 }),
  batch: whole({ min: 1, default: 100 }),
  everyMs: number(),
  tell: fn({
    answers: 'void',
    takes: 2,
    purpose: 'writes a last message to a connection',
  }),
  signal: unchecked(),
});
const LONGEST_PAUSE_MS = 300;
/** Share of the time in which messages that were read are delivered, at most {@link MAX_DELIVERY_MS}. */
const DELIVERY_SHARE = 1 / 8;
const MAX_DELIVERY_MS = 1000;

type DrainPlan = ReturnType<typeof drainPlan>;

/** Checks the options of a shutdown and fills in the defaults. */
export function drainPlan(
  options: ShutdownOptions,
): Resolved<ShutdownOptions, typeof OPTIONS.kinds> & { readonly everyMs: number } {
  const resolved = OPTIONS.resolve(options);
  const { drainTimeoutMs, everyMs = Math.min(LONGEST_PAUSE_MS, drainTimeoutMs / 4) } = resolved;
  if (everyMs > drainTimeoutMs) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `everyMs (${everyMs}) exceeds drainTimeoutMs (${drainTimeoutMs}): the second batch would never be notified`,
      { everyMs, drainTimeoutMs },
    );
  }
  return { ...resolved, everyMs };
}

/**
 * The end of a group of connections. The drain notifies the connections, waits until all have closed or the time is
 * over, and closes the others. A connection that joins meanwhile is notified when it joins.
 *
 * @see SwiftNIO's `ServerQuiescingHelper`
 */
export class Drain {
  /** Resolves when no connection is open. Never rejects. */
  readonly done: Promise<void>;
  private readonly connections: ChannelGroup;
  private readonly clock: Clock;
  private readonly plan: DrainPlan;
  private readonly deadlineAt: number;
  private readonly timers: Timer[] = [];
  private readonly beginning = new DrainStartEvent();
  private resolve!: () => void;
  private isEnding = false;
  private isOver = false;
  private readonly onLeft = (): void => {
    if (this.connections.isEmpty) this.finish();
  };

  constructor(connections: ChannelGroup, clock: Clock, plan: DrainPlan) {
    this.connections = connections;
    this.clock = clock;
    this.plan = plan;
    this.deadlineAt = clock.now() + plan.drainTimeoutMs;
    this.done = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  start(): void {
    this.connections.on('channelLeft', this.onLeft);
    const { drainTimeoutMs } = this.plan;
    this.after(drainTimeoutMs, () => this.closeRest(this.spacing(this.connections.size)));
    for (const channel of this.connections.members()) this.announce(channel);
    const deliveryMs = Math.min(MAX_DELIVERY_MS, drainTimeoutMs * DELIVERY_SHARE);
    this.beginning.onceDelivered(this.clock, deliveryMs, () => this.notifyAll());
  }

  /** Adds a connection that was accepted during the drain. */
  adopt(channel: Channel): void {
    this.announce(channel);
    if (this.isEnding) this.notify(channel);
  }

  /** Notifies a channel before the first channel ends, with a separate event for each channel. */
  private announce(channel: Channel): void {
    if (!channel.isActive) return;
    channel.pipeline.fireUserEventTriggered(new DrainStartEvent(this.beginning));
  }

  private notifyAll(): void {
    this.isEnding = true;
    if (this.isOver) return;
    const all = this.connections.members();
    this.inBatches(all, this.spacing(all.length), (channel) => this.notify(channel));
    this.onLeft();
  }

  /** Fires a {@link DrainEvent} on a connection. If the channel is not active yet, closes it. */
  private notify(channel: Channel): void {
    if (!channel.isOpen) return;
    if (!channel.isActive) {
      channel.close('shutdown');
      return;
    }
    this.plan.tell?.(channel, this.remainingMs());
    if (channel.isOpen) channel.pipeline.fireUserEventTriggered(new DrainEvent(this.remainingMs()));
  }

  /** Closes the remaining channels at once when the signal aborts. */
  heed(signal: AbortSignal): void {
    const aborted = (): void => this.closeRest(0);
    if (signal.aborted) aborted();
    else void this.done.then(onAbort(signal, aborted));
  }

  private closeRest(spacingMs: number): void {
    if (this.isOver) return;
    this.cancelTimers();
    const rest = this.connections.members();
    const last = Math.max(0, Math.ceil(rest.length / this.plan.batch) - 1);
    this.inBatches(rest, spacingMs, (channel) => void channel.close('shutdown'));
    if (last === 0 || spacingMs === 0) this.finish();
    else this.after(last * spacingMs, () => this.finish());
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.cancelTimers();
    this.connections.off('channelLeft', this.onLeft);
    // The time is over for handlers that did not pass the close on.
    for (const channel of this.connections.members()) channel.abort('shutdown');
    this.connections.close('shutdown');
    this.resolve();
  }

  private inBatches(
    all: readonly Channel[],
    spacingMs: number,
    act: (channel: Channel) => void,
  ): void {
    const { batch } = this.plan;
    for (let start = 0; start < all.length; start += batch) {
      const some = all.slice(start, start + batch);
      const actOnSome = () => some.forEach(act);
      if (start === 0 || spacingMs === 0) actOnSome();
      else this.after((start / batch) * spacingMs, actOnSome);
    }
  }

  private spacing(count: number): number {
    const { batch, everyMs, drainTimeoutMs } = this.plan;
    const batches = Math.max(1, Math.ceil(count / batch));
    return Math.min(everyMs, drainTimeoutMs / batches);
  }

  private remainingMs(): number {
    return Math.max(0, this.deadlineAt - this.clock.now());
  }

  private after(delayMs: number, task: () => void): void {
    // The timer keeps the process alive until the shutdown is complete.
    this.timers.push(this.clock.schedule(task, delayMs, true));
  }

  private cancelTimers(): void {
    for (const timer of this.timers.splice(0)) timer.cancel();
  }
}
