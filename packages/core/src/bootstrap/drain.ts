import { onAbort } from '../call/on-abort.ts';
import type { Channel, Clock, Timer } from '../contract.ts';
import { DrainEvent } from '../drain-event.ts';
import { DrainStartEvent } from '../drain-start-event.ts';
import { OptionError } from '../errors.ts';
import type { ChannelGroup } from '../group/channel-group.ts';
import { fn } from '../option/function-option.ts';
import { number, unchecked, whole } from '../option/option-kind.ts';
import { describeOptions, type Resolved } from '../option/option-set.ts';

/** Options of a server's shutdown. */
export interface ShutdownOptions {
  /** How long channels may take to close by themselves. @default 10000 */
  readonly drainTimeoutMs?: number;
  /** Channels notified together, and closed together when the time is over: their peers may all reconnect at once. @default 1000 */
  readonly batch?: number;
  /**
   * Time between batches; less if there are so many that the last would not be notified in time.
   * @default 3000, or a quarter of `drainTimeoutMs`
   */
  readonly everyMs?: number;
  /**
   * Called for each connection, right before its {@link DrainEvent}: sends its peer elsewhere, for
   * example. Called in the batch of the connection, or when it is accepted if that is later, with
   * the time until it is closed anyway; not for a connection that is not up. Its writes go out
   * before the last words of handlers. It decides nothing else: the DrainEvent follows in any
   * case, unless it closes the channel, and a channel on which nothing is under way ends then. A
   * promise is not awaited: work that takes time is a hold of a handler. A throw or rejection is
   * logged by the channel, and the drain goes on.
   */
  readonly tell?: (channel: Channel, remainingMs: number) => void;
  /** Ends the waiting: channels that are still open are closed at once. */
  readonly signal?: AbortSignal;
}

const OPTIONS = describeOptions('shutdown', {
  drainTimeoutMs: number({ default: 10_000 }),
  batch: whole({ min: 1, default: 1000 }),
  everyMs: number(),
  tell: fn({
    answers: 'nothing',
    takes: 2,
    purpose: 'writes a last message to a connection',
  }),
  signal: unchecked(),
});
const LONGEST_PAUSE_MS = 3000;
/** The part of the time in which messages that were read are delivered, at most {@link MAX_DELIVERY_MS}. */
const DELIVERY_SHARE = 1 / 8;
const MAX_DELIVERY_MS = 1000;

/** The options, checked. */
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
 * The end of a group of connections: notifies them, waits until they have closed or the time is over, closes
 * the rest. Connections that join meanwhile are notified when they do.
 *
 * @see SwiftNIO's `ServerQuiescingHelper`
 */
export class Drain {
  /** Resolves when no connection is open; never rejects. */
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

  /** A connection was accepted meanwhile. */
  adopt(channel: Channel): void {
    this.announce(channel);
    if (this.isEnding) this.notify(channel);
  }

  /** Before the first channel ends, all learn that it will: each with an event of its own. */
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

  /** Fires a {@link DrainEvent} on a connection; one that is not connected yet is closed. */
  private notify(channel: Channel): void {
    if (!channel.isOpen) return;
    if (!channel.isActive) {
      channel.close('shutdown');
      return;
    }
    this.plan.tell?.(channel, this.remainingMs());
    if (channel.isOpen) channel.pipeline.fireUserEventTriggered(new DrainEvent(this.remainingMs()));
  }

  /** Closes the remaining channels at once, when the signal aborts. */
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
    // A handler that did not pass the close on has had its time.
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
    // Referenced: the process stays alive until the shutdown is complete.
    this.timers.push(this.clock.schedule(task, delayMs, true));
  }

  private cancelTimers(): void {
    for (const timer of this.timers.splice(0)) timer.cancel();
  }
}
