import type { Context, DeadlineEntry, WriteFuture } from '@headrace/core';
import { callInContext, endsWhole } from '@headrace/core/authoring';
import type { AdaptiveInterval } from './adaptive-interval.ts';
import { HeartbeatMissedEvent, HeartbeatReceivedEvent } from './heartbeat-event.ts';
import type { HeartbeatFormat } from './heartbeat-format.ts';
import {
  type HeartbeatAction,
  HeartbeatMachine,
  type HeartbeatRules,
} from './heartbeat-machine.ts';
import type { HeartbeatOptions } from './heartbeat-options.ts';
import { WriteWatch } from './write-watch.ts';

/** Sends the heartbeats of one side of a channel and watches the peer's silence, as the machine decides. */
export class HeartbeatWatch<In, Out> implements DeadlineEntry {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  /** Whether the watch sends heartbeats. Otherwise, it only watches for silence. */
  readonly sendsPings: boolean;
  private readonly format: HeartbeatFormat<In, Out>;
  private readonly rules: HeartbeatRules;
  private readonly adaptive: AdaptiveInterval | undefined;
  private machine: HeartbeatMachine | undefined = undefined;
  private ctx: Context | undefined = undefined;
  private plannedAt = 0;
  private isFirstDue: boolean;
  /** Whether input was requested, with auto-read off, and has not arrived. */
  private isAsked = false;
  /** The time for which reads had been held at the last check. */
  private heldMs = 0;
  private lastRoundTripMs: number | undefined = undefined;
  /** The last ping, until it has reached the kernel. */
  private pingOnItsWay: WriteFuture | undefined = undefined;
  /** The progress of the output at the last check. */
  private progress = 0;
  private writes: WriteWatch | undefined = undefined;

  constructor(
    format: HeartbeatFormat<In, Out>,
    rules: HeartbeatRules,
    { adaptive, immediately }: HeartbeatOptions<In, Out>,
  ) {
    this.format = format;
    this.rules = rules;
    this.adaptive = adaptive;
    this.sendsPings = rules.intervalMs() < Infinity;
    this.isFirstDue = this.sendsPings && immediately === true;
  }

  get watchesWrites(): boolean {
    return this.sendsPings && this.rules.onlyWhenQuiet;
  }

  get roundTripMs(): number | undefined {
    return this.lastRoundTripMs;
  }

  get missed(): number {
    return this.machine?.missed ?? 0;
  }

  get hasUnanswered(): boolean {
    return this.machine?.hasUnanswered === true;
  }

  // --- life ---

  start(ctx: Context): void {
    if (this.ctx !== undefined) return;
    this.ctx = ctx;
    this.machine = new HeartbeatMachine(this.rules, ctx.clock.now());
    this.heldMs = ctx.channel.readHeldMs;
    this.arm(ctx, this.machine);
  }

  beatFirst(ctx: Context): void {
    if (!this.isFirstDue || this.ctx !== ctx) return;
    this.isFirstDue = false;
    this.execute(ctx, this.machine!, this.machine!.first(ctx.clock.now()));
    this.arm(ctx, this.machine!);
  }

  /** Sends a heartbeat at once, unless an answer is awaited already. */
  probe(ctx: Context): void {
    const { machine } = this;
    if (!this.sendsPings || machine === undefined || this.ctx !== ctx || machine.isAwaiting) return;
    this.execute(ctx, machine, machine.first(ctx.clock.now()));
    if (this.ctx === ctx && ctx.channel.isOpen) this.arm(ctx, machine);
  }

  stop(): void {
    this.ctx?.clock.deadlines.remove(this);
    this.ctx = this.pingOnItsWay = undefined;
  }

  // --- messages ---

  /** Records that input is requested. */
  asked(ctx: Context): void {
    this.isAsked = !ctx.channel.autoRead;
  }

  answered(pong: In): void {
    const { ctx } = this;
    if (ctx === undefined) return;
    this.sawLife();
    const roundTripMs = this.machine!.pong(ctx.clock.now());
    if (roundTripMs !== undefined) this.lastRoundTripMs = roundTripMs;
    ctx.fireUserEventTriggered(new HeartbeatReceivedEvent('pong', pong, roundTripMs));
  }

  sawLife(): void {
    const { ctx } = this;
    if (ctx === undefined) return;
    const machine = this.machine!;
    this.isAsked = false;
    this.heldMs = ctx.channel.readHeldMs;
    if (machine.isAwaiting) this.adaptive?.answered(machine.probedSilenceMs);
    machine.read(ctx.clock.now());
  }

  wrote({ clock }: Context): void {
    this.machine?.wrote(clock.now());
  }

  watchWrite(future: WriteFuture): WriteFuture {
    this.writes ??= new WriteWatch(() => {
      if (this.ctx !== undefined) this.wrote(this.ctx);
    });
    return this.writes.watch(future);
  }

  // --- time ---

  private arm(ctx: Context, machine: HeartbeatMachine): void {
    const now = ctx.clock.now();
    // Not less than the timer's own step, because a rounding error would cause a busy loop.
    const delayMs = Math.max(1, machine.nextAt() - now);
    this.plannedAt = now + delayMs;
    ctx.clock.deadlines.add(this, delayMs);
  }

  expire(): void {
    const ctx = this.ctx!;
    const machine = this.machine!;
    // After `end()`, no answer is read.
    if (endsWhole(ctx.channel)) return;
    const isOn = (): boolean => this.ctx === ctx && ctx.channel.isOpen;
    this.suspend(ctx, machine);
    callInContext(ctx, () => {
      for (const action of machine.due(ctx.clock.now(), this.plannedAt)) {
        if (isOn()) this.execute(ctx, machine, action);
      }
    });
    if (isOn()) callInContext(ctx, () => this.arm(ctx, machine));
  }

  /** Whether the peer has taken output since the last check. A ping that waits behind this output cannot be answered yet. */
  private isTakingOutput({ channel }: Context): boolean {
    const { outboundProgress } = channel;
    const isTaking = outboundProgress !== this.progress;
    this.progress = outboundProgress;
    return isTaking;
  }

  /** Reports held reads, and a ping that waits, to the machine, because no answer can be missed meanwhile. */
  private suspend(ctx: Context, machine: HeartbeatMachine): void {
    const { isReadHeld, readHeldMs, autoRead } = ctx.channel;
    const now = ctx.clock.now();
    const isPingWaiting = this.pingOnItsWay !== undefined && this.isTakingOutput(ctx);
    if (isReadHeld || !(autoRead || this.isAsked) || isPingWaiting) machine.stand(now);
    else if (readHeldMs > this.heldMs) machine.stood(now, readHeldMs - this.heldMs);
    this.heldMs = readHeldMs;
  }

  private execute(ctx: Context, machine: HeartbeatMachine, action: HeartbeatAction): void {
    if (action.do === 'ping') {
      this.ping(ctx, machine);
      return;
    }
    const { missed, isLost } = action;
    const silentMs = machine.silentMs(ctx.clock.now());
    if (isLost) this.adaptive?.lost(machine.probedSilenceMs);
    ctx.fireUserEventTriggered(new HeartbeatMissedEvent(missed, isLost, silentMs));
    if (isLost) ctx.close('heartbeat');
  }

  /** Sends a ping, unless the previous ping is still in the output. */
  private ping(ctx: Context, machine: HeartbeatMachine): void {
    if (this.pingOnItsWay !== undefined) {
      machine.pingSkipped();
      return;
    }
    // After `shutdown('output')`, a peer that sends nothing is lost anyway.
    if (ctx.channel.isEnding) return;
    const future = ctx.writeAndFlush(this.format.ping());
    if (future.isSettled) return;
    this.pingOnItsWay = future;
    this.progress = ctx.channel.outboundProgress;
    future.onSettled(() => {
      this.pingOnItsWay = undefined;
    });
  }
}
