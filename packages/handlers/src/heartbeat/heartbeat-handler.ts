import type { Context, Handler, Timer, Types, WriteFuture } from '@headrace/core';
import { atOnce, callInContext } from '@headrace/core/authoring';
import type { AdaptiveInterval } from './adaptive-interval.ts';
import { HeartbeatMissedEvent, HeartbeatReceivedEvent } from './heartbeat-event.ts';
import type { HeartbeatFormat } from './heartbeat-format.ts';
import {
  type HeartbeatAction,
  HeartbeatMachine,
  type HeartbeatRules,
} from './heartbeat-machine.ts';
import { formatOf, type HeartbeatOptions, rulesOf } from './heartbeat-options.ts';
import { WriteWatch } from './write-watch.ts';

/**
 * Answers the peer's heartbeats, keeps them from the application, and, where its options ask for it, sends some of its
 * own and closes the connection when the peer is silent.
 *
 * ```text
 *  wire | frame | codec | [heartbeat] | auth | app     pings are answered before the sign-in, too
 *  wire | frame | codec | auth | [heartbeat] | app     only after it
 * ```
 *
 * - **Place** after the codec, before everything that holds `channelReadComplete` back: each read burst is
 *   a sign of life, also one that completes no message.
 * - **In** messages, heartbeats among them.
 * - **Out** the messages that are no heartbeats.
 * - **Events** fires `HeartbeatReceivedEvent` with the message and, for answers, the round-trip time, and
 *   `HeartbeatMissedEvent` for each answer that is missing; closes with the reason `heartbeat`. While reads are
 *   held, or `autoRead` is off and nothing was asked for, no answer counts as missed.
 * - **Errors** raises none.
 * - **State** per channel: a timer and four time stamps; nothing at all where it only answers.
 * - **Cost** one comparison per message, one time stamp per read burst and flush.
 * - **Pitfalls** a write that succeeds is no life: the kernel takes bytes for a dead peer for minutes. TCP
 *   keepalive does not replace this: it waits for hours, and not at all while output is unacknowledged.
 *   Too short an interval keeps a phone's radio awake, too long a one lets routers forget the connection.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
 *
 * const server = new EmbeddedChannel(new HeartbeatHandler());
 * server.writeInbound('ping', 'hello');
 * console.log(server.readOutbound(), server.readInbound());
 * // prints PONG hello
 *
 * const client = new EmbeddedChannel(new HeartbeatHandler(HEARTBEAT_PRESETS.strict));
 * client.advance(9000);
 * console.log(client.readOutbound(), client.closeInfo?.reason);
 * // prints PING heartbeat
 * ```
 * @see RFC 6455, 5.5.2 (WebSocket's ping and pong), and MQTT's keep alive, 3.1.2.10
 */
export class HeartbeatHandler<In = string, Out = In> implements Handler {
  declare readonly types: Types<{ reads: In; writes: Out }>;
  private readonly format: HeartbeatFormat<In, Out>;
  private readonly rules: HeartbeatRules | undefined;
  private readonly adaptive: AdaptiveInterval | undefined;
  private readonly sendsPings: boolean;
  private machine: HeartbeatMachine | undefined = undefined;
  private ctx: Context | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private isFirstDue: boolean;
  /** With auto-read off: something was asked for, and has not come. */
  private isAsked = false;
  /** For how long reads had been held at the last look. */
  private heldMs = 0;
  private hasAnswered = false;
  private lastRoundTripMs: number | undefined = undefined;
  /** The last ping, while it is on its way to the kernel. */
  private pingOnItsWay: WriteFuture | undefined = undefined;
  private writes: WriteWatch | undefined = undefined;

  constructor(options: HeartbeatOptions<In, Out> = {}) {
    this.rules = rulesOf(options);
    this.format = formatOf(options);
    this.adaptive = options.adaptive;
    this.sendsPings = this.rules !== undefined && this.rules.intervalMs() < Infinity;
    this.isFirstDue = this.sendsPings && options.immediately === true;
    const watchesWrites = this.sendsPings && this.rules?.onlyWhenQuiet === true;
    // A pipeline skips a handler without the method.
    if (!watchesWrites) (this as Handler).write = undefined as never;
    if (this.rules === undefined) (this as Handler).read = undefined as never;
  }

  /** From the last ping that was answered to its answer. */
  get roundTripMs(): number | undefined {
    return this.lastRoundTripMs;
  }

  /** Consecutive missed answers. */
  get missed(): number {
    return this.machine?.missed ?? 0;
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    if (!ctx.channel.isActive) return;
    this.start(ctx);
    this.beatFirst(ctx);
  }

  handlerRemoved(): void {
    this.stop();
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
    this.beatFirst(ctx);
  }

  /** With auto-read off: something was asked for, and has not come. */
  read(ctx: Context): void {
    this.isAsked = !ctx.channel.autoRead;
    ctx.read();
  }

  channelInactive(ctx: Context): void {
    this.stop();
    ctx.fireChannelInactive();
  }

  private start(ctx: Context): void {
    if (this.rules === undefined || this.ctx !== undefined) return;
    this.ctx = ctx;
    this.machine = new HeartbeatMachine(this.rules, ctx.clock.now());
    this.heldMs = ctx.channel.readHeldMs;
    this.arm(ctx, this.machine);
  }

  private beatFirst(ctx: Context): void {
    if (!this.isFirstDue || this.ctx !== ctx) return;
    this.isFirstDue = false;
    this.carryOut(ctx, this.machine!, this.machine!.first(ctx.clock.now()));
    this.timer?.cancel();
    this.arm(ctx, this.machine!);
  }

  private stop(): void {
    this.timer?.cancel();
    this.timer = this.ctx = this.pingOnItsWay = undefined;
  }

  // --- messages ---

  channelRead(ctx: Context, message: In): void {
    const { format, machine } = this;
    if (machine?.hasUnanswered === true && this.isPong(message)) this.answered(ctx, message);
    else if (atOnce('isPing', format.isPing(message))) this.answer(ctx, message);
    // Where no pings are sent, the text of an answer is a message like any other.
    else if (this.sendsPings && this.isPong(message)) this.answered(ctx, message);
    else ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    if (this.ctx !== undefined) this.sawLife(ctx);
    if (this.hasAnswered) {
      this.hasAnswered = false;
      ctx.flush();
    }
    ctx.fireChannelReadComplete();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    this.writes ??= new WriteWatch(() => {
      if (this.ctx !== undefined) this.machine!.wrote(this.ctx.clock.now());
    });
    return this.writes.watch(ctx.write(message));
  }

  private isPong(message: In): boolean {
    return atOnce('isPong', this.format.isPong(message));
  }

  private answer(ctx: Context, ping: In): void {
    const pong = atOnce('pong', this.format.pong(ping));
    if (pong !== undefined) {
      ctx.write(pong);
      this.hasAnswered = true;
      this.machine?.wrote(ctx.clock.now());
    }
    ctx.fireUserEventTriggered(new HeartbeatReceivedEvent('ping', ping));
  }

  private answered(ctx: Context, pong: In): void {
    if (this.ctx === undefined) return;
    this.sawLife(ctx);
    const roundTripMs = this.machine!.pong(ctx.clock.now());
    if (roundTripMs !== undefined) this.lastRoundTripMs = roundTripMs;
    ctx.fireUserEventTriggered(new HeartbeatReceivedEvent('pong', pong, roundTripMs));
  }

  private sawLife(ctx: Context): void {
    const machine = this.machine!;
    this.isAsked = false;
    this.heldMs = ctx.channel.readHeldMs;
    if (machine.isAwaiting) this.adaptive?.answered(machine.probedSilenceMs);
    machine.read(ctx.clock.now());
  }

  // --- time ---

  private arm(ctx: Context, machine: HeartbeatMachine): void {
    const now = ctx.clock.now();
    // Never less than the timer's own step, or a rounding error would spin.
    const delayMs = Math.max(1, machine.nextAt() - now);
    const plannedAt = now + delayMs;
    const isOn = (): boolean => this.ctx === ctx && ctx.channel.isOpen;
    this.timer = ctx.clock.schedule(() => {
      this.standStill(ctx, machine);
      callInContext(ctx, () => {
        for (const action of machine.due(ctx.clock.now(), plannedAt)) {
          if (isOn()) this.carryOut(ctx, machine, action);
        }
      });
      if (isOn()) callInContext(ctx, () => this.arm(ctx, machine));
    }, delayMs);
  }

  /** While nothing is read, no answer can be missed. */
  private standStill(ctx: Context, machine: HeartbeatMachine): void {
    const { isReadHeld, readHeldMs, autoRead } = ctx.channel;
    const now = ctx.clock.now();
    if (isReadHeld || !(autoRead || this.isAsked)) machine.stand(now);
    else if (readHeldMs > this.heldMs) machine.stood(now, readHeldMs - this.heldMs);
    this.heldMs = readHeldMs;
  }

  private carryOut(ctx: Context, machine: HeartbeatMachine, action: HeartbeatAction): void {
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

  /** Pings do not pile up before a peer that takes nothing. */
  private ping(ctx: Context, machine: HeartbeatMachine): void {
    if (this.pingOnItsWay !== undefined) {
      machine.pingSkipped();
      return;
    }
    const future = ctx.writeAndFlush(atOnce('ping', this.format.ping()));
    if (future.isSettled) return;
    this.pingOnItsWay = future;
    future.onSettled(() => {
      this.pingOnItsWay = undefined;
    });
  }
}
