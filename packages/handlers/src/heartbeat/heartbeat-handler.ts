import type { Context, Handler, Types, WriteFuture } from '@headrace/core';
import { HeartbeatProbeEvent, HeartbeatReceivedEvent } from './heartbeat-event.ts';
import type { HeartbeatFormat } from './heartbeat-format.ts';
import { formatOf, type HeartbeatOptions, rulesOf } from './heartbeat-options.ts';
import { HeartbeatWatch } from './heartbeat-watch.ts';

// The handling of the messages of one read.
const TAKEN = 1;
const PASSED_ON = 2;
const ANSWERED = 4;

const EVENTS = { fires: ['HeartbeatReceivedEvent', 'HeartbeatMissedEvent'] } as const;

/**
 * Answers the peer's heartbeats and does not pass them on to the application. Optionally, it also sends heartbeats of its own,
 * and closes the connection when the peer is silent.
 *
 * ```text
 *  wire | frame | codec | [heartbeat] | auth | app     pings are answered before the sign-in, too
 *  wire | frame | codec | auth | [heartbeat] | app     only after it
 * ```
 *
 * - **Place** After the codec, before all handlers that hold `channelReadComplete` back, because each read burst is a sign of
 *   life, even if it completes no message.
 * - **In** Messages, including heartbeats.
 * - **Out** The messages that are not heartbeats.
 * - **Events** Fires `HeartbeatReceivedEvent` with the message and, for answers, the round-trip time, and `HeartbeatMissedEvent`
 *   for each missing answer. Closes with the reason `heartbeat`. While reads are held, or `autoRead` is off and no read was
 *   requested, no answer counts as missed. A `HeartbeatProbeEvent` is forwarded. If the handler sends heartbeats, the event makes
 *   it send a heartbeat at once.
 * - **Errors** Raises none.
 * - **State** Per channel: a timer and four time stamps, or nothing if the handler only answers.
 * - **Cost** One comparison per message, one time stamp per read burst and flush.
 * - **Pitfalls** A successful write is not a sign of life, because the kernel accepts bytes for a dead peer for minutes. TCP
 *   keepalive is not a replacement: it waits for hours, and does not work while output is unacknowledged. A short interval keeps
 *   a phone's radio awake. With a long interval, routers forget the connection.
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
  /** The watch of a handler that does more than answer. */
  private readonly watch: HeartbeatWatch<In, Out> | undefined;
  /** Flags of the present read, as bits, because three fields would take 16 bytes more. */
  private ofRead = 0;

  get userEvents(): {
    readonly fires: readonly ('HeartbeatReceivedEvent' | 'HeartbeatMissedEvent')[];
  } {
    return EVENTS;
  }

  constructor(options: HeartbeatOptions<In, Out> = {}) {
    const rules = rulesOf(options);
    this.format = formatOf(options);
    this.watch = rules && new HeartbeatWatch(this.format, rules, options);
    // A pipeline skips a handler that does not have the method.
    if (this.watch?.watchesWrites !== true) (this as Handler).write = undefined as never;
    if (this.watch === undefined) (this as Handler).read = undefined as never;
  }

  /** Time from the last ping that was answered to its answer, in milliseconds. */
  get roundTripMs(): number | undefined {
    return this.watch?.roundTripMs;
  }

  /** Number of consecutive missed answers. */
  get missed(): number {
    return this.watch?.missed ?? 0;
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    if (!ctx.isActive) return;
    this.watch?.start(ctx);
    this.watch?.beatFirst(ctx);
  }

  handlerRemoved(): void {
    this.watch?.stop();
  }

  channelActive(ctx: Context): void {
    this.watch?.start(ctx);
    ctx.fireChannelActive();
    this.watch?.beatFirst(ctx);
  }

  read(ctx: Context): void {
    this.watch?.asked(ctx);
    ctx.read();
  }

  channelInactive(ctx: Context): void {
    this.watch?.stop();
    ctx.fireChannelInactive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof HeartbeatProbeEvent) this.watch?.probe(ctx);
    ctx.fireUserEventTriggered(event);
  }

  // --- messages ---

  channelRead(ctx: Context, message: In): void {
    const { format, watch } = this;
    if (watch?.hasUnanswered === true && format.isPong(message)) watch.answered(message);
    else if (format.isPing(message)) this.answer(ctx, message);
    // If no pings are sent, a text that looks like an answer is an ordinary message.
    else if (watch?.sendsPings === true && format.isPong(message)) watch.answered(message);
    else {
      this.ofRead |= PASSED_ON;
      ctx.fireChannelRead(message);
      return;
    }
    this.ofRead |= TAKEN;
  }

  channelReadComplete(ctx: Context): void {
    this.watch?.sawLife();
    const { ofRead } = this;
    this.ofRead = 0;
    const hadOnlyHeartbeats = (ofRead & (TAKEN | PASSED_ON)) === TAKEN;
    if (hadOnlyHeartbeats && !ctx.channel.autoRead) this.askAgain(ctx);
    if ((ofRead & ANSWERED) !== 0) ctx.flush();
    ctx.fireChannelReadComplete();
  }

  /** Requests another read, because the requested read contained only heartbeats. */
  private askAgain(ctx: Context): void {
    this.watch?.asked(ctx);
    ctx.read();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const future = ctx.write(message);
    return this.watch?.watchWrite(future) ?? future;
  }

  private answer(ctx: Context, ping: In): void {
    const pong = this.format.pong(ping);
    if (pong !== undefined) {
      ctx.write(pong);
      this.ofRead |= ANSWERED;
      this.watch?.wrote(ctx);
    }
    ctx.fireUserEventTriggered(new HeartbeatReceivedEvent('ping', ping));
  }
}
