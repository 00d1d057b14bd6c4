import type { Channel, Context, Handler, Timer, Types } from '@headrace/core';
import {
  callSafely,
  describeOptions,
  fn,
  number,
  ReadGate,
  type Resolved,
  recognizeCopies,
} from '@headrace/core/authoring';
import { type Load, LoadMeter } from './load-meter.ts';

/** Options of an {@link OverloadGuard}. */
export interface OverloadGuardOptions {
  /** Share of the heap's limit above which the process is overloaded. @default 0.85 */
  readonly heapShare?: number;
  /** Delay of the event loop above which the process is overloaded, in milliseconds. @default 200 */
  readonly loopDelayMs?: number;
  /** Interval of the measurements, in milliseconds. @default 500 */
  readonly everyMs?: number;
  /** Duration of an overload after which idle connections are ended, in milliseconds. @default 5000 */
  readonly shedAfterMs?: number;
  /** Minimum time without input after which a connection may be ended, in milliseconds. @default 10000 */
  readonly minIdleMs?: number;
  /** Share of all connections that are ended at each measurement, the longest idle first. @default 0.05 */
  readonly shedShare?: number;
  /** Called for each connection just before the guard ends it. The function may write a last message to the connection. */
  readonly onShed?: (child: Channel) => void;
  /** Measures the load. Set it for tests, or to measure other values. @default this process's heap and event loop */
  readonly measure?: () => Load;
}

/** `paused`: no new connections are accepted. `shedding`: idle connections are also ended. */
export type OverloadState = 'normal' | 'paused' | 'shedding';

/** Counters of the guard's actions so far. */
export interface OverloadCounters {
  /** Number of times that accepting was paused. */
  pauses: number;
  /** Total duration of the pauses in milliseconds, without the current pause. */
  pausedMs: number;
  /** Number of connections that were ended. */
  shed: number;
}

/** An event that is fired in the pipeline of the listening channel when the guard changes its state. */
export class OverloadEvent {
  static {
    recognizeCopies(OverloadEvent, 'headrace.OverloadEvent');
  }

  readonly state: OverloadState;
  readonly load: Load;

  constructor(state: OverloadState, load: Load) {
    this.state = state;
    this.load = load;
  }
}

/** Share of their limits that both values must fall to before the guard accepts connections again. */
const RECOVER_SHARE = 0.9;

const OPTIONS = describeOptions('OverloadGuard', {
  heapShare: number({ min: Number.MIN_VALUE, default: 0.85 }),
  loopDelayMs: number({ min: Number.MIN_VALUE, default: 200 }),
  everyMs: number({ min: 1, max: 2 ** 31 - 1, default: 500 }),
  shedAfterMs: number({ default: 5000 }),
  minIdleMs: number({ default: 10_000 }),
  shedShare: number({ max: 1, default: 0.05 }),
  onShed: fn({ answers: 'void', purpose: 'receives each connection that is shed' }),
  measure: fn({ answers: 'sync', takes: 0, purpose: 'returns the load' }),
});

const EVENTS = { fires: ['OverloadEvent'] } as const;

/**
 * Protects an overloaded process. It pauses accepting and, if the overload lasts, ends the connections that have been idle
 * longest.
 *
 * ```text
 *  listening socket | [overload guard] | limit | acceptor
 * ```
 *
 * - **Place** First in the pipeline of the listening channel.
 * - **In** Accepted channels.
 * - **Out** The same.
 * - **Events** Fires `OverloadEvent` at each change. Connections that the guard ends close with the reason `overload`.
 * - **Errors** Raises none. It logs one line at each change, for each listening channel.
 * - **State** One per process, sharable by its listening channels: the connections with the time of their last input.
 * - **Cost** One measurement every `everyMs`, and one time stamp per read burst of each connection.
 * - **Pitfalls** Node cannot stop accepting. During a pause, up to 1024 connections wait, and further connections are reset. A
 *   heap that is full of live data does not shrink during a pause. Set `--max-old-space-size` to the memory that you have.
 *
 * @example
 * ```ts run
 * import { ServerBootstrap } from '@headrace/core';
 * import { OverloadGuard } from '@headrace/handlers';
 *
 * const guard = new OverloadGuard({ heapShare: 0.8, loopDelayMs: 100 });
 * await using server = await new ServerBootstrap()
 *   .handler((listening) => listening.pipeline.addLast(guard))
 *   .childHandler(() => {})
 *   .bind({ port: 0, host: '127.0.0.1' });
 * console.log(guard.state, guard.counters.shed);
 * // prints normal 0
 * ```
 */
export class OverloadGuard implements Handler {
  declare readonly types: Types;
  readonly sharable = true;
  readonly counters: OverloadCounters = { pauses: 0, pausedMs: 0, shed: 0 };
  private readonly options: Resolved<OverloadGuardOptions, typeof OPTIONS.kinds>;
  private readonly measure: () => Load;
  private readonly meter: LoadMeter | undefined;
  private readonly children = new Map<Channel, LastInput>();
  private stateNow: OverloadState = 'normal';
  private pausedAt = 0;
  private timer: Timer | undefined = undefined;
  /** The listening channels, with their holds of reads. */
  private readonly listening = new Map<Context, ReadGate>();

  get userEvents(): { readonly fires: readonly 'OverloadEvent'[] } {
    return EVENTS;
  }

  constructor(options: OverloadGuardOptions = {}) {
    this.options = OPTIONS.resolve(options);
    const { measure } = this.options;
    this.meter = measure === undefined ? new LoadMeter() : undefined;
    this.measure = measure ?? (() => this.meter!.read());
  }

  get state(): OverloadState {
    return this.stateNow;
  }

  handlerAdded(ctx: Context): void {
    const gate = new ReadGate('OverloadGuard');
    this.listening.set(ctx, gate);
    if (this.stateNow !== 'normal') gate.hold(ctx.channel);
    if (this.listening.size > 1) return;
    this.meter?.start();
    this.arm();
  }

  handlerRemoved(ctx: Context): void {
    this.listening.get(ctx)?.release();
    this.listening.delete(ctx);
    // The timer belongs to the oldest listening channel.
    this.timer?.cancel();
    this.timer = undefined;
    if (this.listening.size > 0) this.arm();
    else this.meter?.stop();
  }

  channelRead(ctx: Context, child: Channel): void {
    const last = new LastInput(ctx.clock.now());
    this.children.set(child, last);
    child.onClosed(() => this.children.delete(child));
    child.pipeline.addFirst(last);
    ctx.fireChannelRead(child);
  }

  private arm(): void {
    const [ctx] = this.listening.keys() as Iterable<Context>;
    const timer = ctx!.clock.schedule(() => {
      this.measureSafely(ctx!);
      // A listener may have removed the guard.
      if (this.timer === timer) this.arm();
    }, this.options.everyMs);
    this.timer = timer;
  }

  private look(ctx: Context): void {
    const load = this.measure();
    const now = ctx.clock.now();
    const factor = this.stateNow === 'normal' ? 1 : RECOVER_SHARE;
    const isOver =
      load.heapShare > this.options.heapShare * factor ||
      load.loopDelayMs > this.options.loopDelayMs * factor;
    if (!isOver) {
      if (this.stateNow !== 'normal') this.resume(load, now);
      return;
    }
    if (this.stateNow === 'normal') this.pause(load, now);
    else if (now - this.pausedAt >= this.options.shedAfterMs) this.shed(load, now);
  }

  /** Measures and acts. An error of the measurement is logged. */
  private measureSafely(ctx: Context): void {
    const { channel } = ctx;
    const look = (): void => this.look(ctx);
    callSafely(look, undefined, (error) =>
      channel.logger.log('error', `${channel} measure failed: ${error.message}`, error),
    );
  }

  private pause(load: Load, now: number): void {
    for (const [{ channel }, gate] of this.listening) gate.hold(channel);
    this.pausedAt = now;
    this.counters.pauses += 1;
    this.change('paused', load);
  }

  private resume(load: Load, now: number): void {
    this.counters.pausedMs += now - this.pausedAt;
    this.change('normal', load);
    for (const gate of this.listening.values()) gate.release();
  }

  private shed(load: Load, now: number): void {
    const { onShed } = this.options;
    if (this.stateNow !== 'shedding') this.change('shedding', load);
    const idle = [...this.children].filter(([, last]) => now - last.at >= this.options.minIdleMs);
    idle.sort(([, one], [, other]) => one.at - other.at);
    const count = Math.ceil(this.children.size * this.options.shedShare);
    for (const [child] of idle.slice(0, count)) {
      this.children.delete(child);
      this.counters.shed += 1;
      onShed?.(child);
      child.end({ reason: 'overload' });
    }
  }

  private change(state: OverloadState, load: Load): void {
    this.stateNow = state;
    const heap = `${Math.round(load.heapShare * 100)} % of the heap`;
    const what = `${state} (${heap}, the loop ${Math.round(load.loopDelayMs)} ms late)`;
    for (const ctx of [...this.listening.keys()]) {
      const text = `${ctx.channel} overload guard: ${what}`;
      ctx.channel.logger.log(state === 'normal' ? 'info' : 'warn', text);
      ctx.fireUserEventTriggered(new OverloadEvent(state, load));
    }
  }
}

/** A handler that records the time of a connection's last input. */
class LastInput implements Handler {
  at: number;

  constructor(now: number) {
    this.at = now;
  }

  channelReadComplete(ctx: Context): void {
    this.at = ctx.clock.now();
    ctx.fireChannelReadComplete();
  }
}
