import {
  type CloseReason,
  type Context,
  checkNumber,
  checkTime,
  type Handler,
  PendingWriteQueue,
  RejectedError,
  TimedOutError,
  type Timer,
  type Types,
  toError,
  type WriteFuture,
} from '@headrace/core';
import { AuthenticatedEvent, AuthFailedEvent } from './auth-event.ts';
import { checkAuthOptions } from './auth-option-check.ts';
import type { AuthAttempt, AuthOptions, AuthVerdict } from './auth-options.ts';
import { PRINCIPAL } from './principal.ts';
import type { Session } from './session-registry.ts';

const DEFAULTS = {
  timeoutMs: 10_000,
  onRefused: 'close',
  earlyMessages: 'hold-behind',
  earlyWrites: 'hold',
  maxHeld: 32,
  onDuplicate: 'allow',
  again: 'pass',
} as const;

type Verdict<Principal, Reply> = AuthVerdict<Principal, Reply>;
type Answer<P, R> = Verdict<P, R> | PromiseLike<Verdict<P, R>>;

/** `waiting` for credentials, `checking` them, `done`, or `over`: nothing is acted on any more. */
type Phase = 'waiting' | 'checking' | 'done' | 'over';

/**
 * Lets nothing through until the authenticator has said yes, and ends the connection if it says no or
 * takes too long. Then it joins the channel to the group, says who it is, and hands on what it held.
 *
 * ```text
 *  wire | frame | codec | last words | heartbeat | [auth] | app
 * ```
 *
 * - **Place** behind the codec, before everything that serves members only. Handlers before it (heartbeat,
 *   a handler that answers errors) work before the sign-in, too.
 * - **In** messages, credentials among them.
 * - **Out** the messages behind the yes, in order, those that it held first.
 * - **Events** fires `AuthenticatedEvent` once the peer is in, before any message, and `AuthFailedEvent` at
 *   each failure. Sets the attribute `PRINCIPAL`. Holds `channelReadComplete` back until the yes.
 * - **Errors** `REJECTED_AUTH` and `TIMEOUT_AUTH` in the failed event and in the held writes that fail;
 *   close reasons `unauthenticated`, `timeout`, `replaced`, `refused`.
 * - **State** per channel. It removes itself after the yes, unless `sessions` or `again` need it: then it
 *   stays, so that from the moment of a kick nothing that the older connection sent is acted on.
 * - **Cost** after the yes none, or where it stays one comparison per message and write.
 * - **Pitfalls** compare secrets with `secretsEqual`; slow guessing down with `GuessLimiter`. A handler
 *   behind it that writes an error reply before the yes is held: put it before this one, or let writes `pass`.
 *
 * @example
 * ```ts run
 * import { ChannelGroup } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { AuthHandler } from '@headrace/handlers';
 *
 * const members = new ChannelGroup('members');
 * const auth = new AuthHandler({
 *   authenticate: (text: string) =>
 *     text === 'AUTH:ann' ? { principal: { id: 'ann' } } : { refused: 'unknown' },
 *   isCredentials: (text) => text.startsWith('AUTH:'),
 *   group: members,
 *   replies: { accepted: () => 'AUTH_OK', unauthenticated: () => 'ERR:UNAUTH' },
 * });
 * const channel = new EmbeddedChannel(auth);
 * channel.writeInbound('AUTH:ann', 'hello');
 * console.log(channel.readOutbound(), members.size, channel.readInbound());
 * // prints AUTH_OK 1 hello
 * ```
 * @see Netty's `SecureChatServerHandler` example and `ProxyHandler`
 */
export class AuthHandler<Principal, Message = string, Reply = Message> implements Handler {
  declare readonly types: Types<{ reads: Message; writes: Reply }>;
  private readonly options: AuthOptions<Principal, Message, Reply>;
  private phase: Phase = 'waiting';
  /** Who it is, once there was a yes. */
  private session: Session<Principal> | undefined = undefined;
  private attempt: AbortController | undefined = undefined;
  private deadline: Timer | undefined = undefined;
  private held: Message[] | undefined = undefined;
  private heldWrites: PendingWriteQueue | undefined = undefined;
  private isReleasing = false;

  constructor(options: AuthOptions<Principal, Message, Reply>) {
    this.options = options;
    checkTime('timeoutMs', options.timeoutMs ?? DEFAULTS.timeoutMs);
    checkNumber('maxHeld', this.maxHeld, { integer: true });
    checkAuthOptions(options);
  }

  private get maxHeld(): number {
    return this.options.maxHeld ?? DEFAULTS.maxHeld;
  }

  private get again(): 'pass' | 'refuse' | 'move' {
    return this.options.again ?? DEFAULTS.again;
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    if (ctx.channel.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  channelInactive(ctx: Context): void {
    this.abandon('the connection closed before it authenticated');
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.abandon('the auth handler was removed before the sign-in');
  }

  private start(ctx: Context): void {
    if (this.deadline !== undefined || this.phase !== 'waiting') return;
    const { timeoutMs = DEFAULTS.timeoutMs } = this.options;
    if (timeoutMs !== false && timeoutMs !== Number.POSITIVE_INFINITY) {
      this.deadline = ctx.clock.schedule(() => this.expire(ctx, timeoutMs), timeoutMs);
    }
    const { authenticateChannel } = this.options;
    if (authenticateChannel !== undefined) this.check(ctx, authenticateChannel);
  }

  /** An error costs more than all the rest of a connection's end: it is made only for those who wait for it. */
  private abandon(why: string): void {
    const isAwaited = this.attempt !== undefined || (this.heldWrites?.size ?? 0) > 0;
    this.stop(isAwaited ? new RejectedError('REJECTED_AUTH', why) : undefined);
  }

  private stop(error?: RejectedError | TimedOutError): void {
    this.phase = 'over';
    this.deadline?.cancel();
    this.attempt?.abort(error);
    this.attempt = undefined;
    this.held = undefined;
    if (error !== undefined) this.heldWrites?.removeAndFailAll(error);
  }

  // --- messages ---

  channelRead(ctx: Context, message: Message): void {
    if (this.phase === 'done') {
      if (this.isReleasing) this.hold(message);
      else this.passOn(ctx, message);
    } else if (this.phase === 'waiting' && this.isCredentials(message)) {
      this.check(ctx, (attempt) => this.options.authenticate(message, attempt));
    } else if (this.phase !== 'over') this.early(ctx, message);
  }

  channelReadComplete(ctx: Context): void {
    if (this.session !== undefined && this.phase !== 'over') ctx.fireChannelReadComplete();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (this.session !== undefined || this.phase === 'over') return ctx.write(message);
    const policy = this.options.earlyWrites ?? DEFAULTS.earlyWrites;
    if (policy === 'pass') return ctx.write(message);
    if (policy === 'hold') {
      this.heldWrites ??= new PendingWriteQueue(ctx);
      if (this.heldWrites.size < this.maxHeld) return this.heldWrites.add(message);
    }
    throw new RejectedError(
      'REJECTED_AUTH',
      policy === 'hold'
        ? `${this.maxHeld} writes wait for the sign-in already (maxHeld); this one was refused`
        : 'the peer has not authenticated; earlyWrites refuses to write to it',
    );
  }

  private hold(message: Message): void {
    this.held ??= [];
    this.held.push(message);
  }

  private isCredentials(message: Message): boolean {
    return this.options.isCredentials?.(message) ?? true;
  }

  /** A message of one who is signed in. */
  private passOn(ctx: Context, message: Message): void {
    if (this.again === 'pass' || !this.isCredentials(message)) ctx.fireChannelRead(message);
    else if (this.again === 'refuse') this.say(ctx, this.options.replies?.again?.(message));
    else this.check(ctx, (attempt) => this.options.authenticate(message, attempt));
  }

  private early(ctx: Context, message: Message): void {
    const policy = this.options.earlyMessages ?? DEFAULTS.earlyMessages;
    const mayHold = policy === 'hold' || (policy === 'hold-behind' && this.phase === 'checking');
    if (mayHold && (this.held?.length ?? 0) < this.maxHeld) {
      this.hold(message);
      return;
    }
    const why = mayHold
      ? `more than ${this.maxHeld} messages came before the sign-in was decided (maxHeld)`
      : 'a message came before the sign-in';
    this.fail(ctx, {
      error: new RejectedError('REJECTED_AUTH', why),
      reply: this.options.replies?.unauthenticated?.(message),
    });
  }

  // --- the authenticator ---

  private check(
    ctx: Context,
    ask: (attempt: AuthAttempt) => Answer<Principal, Reply> | undefined,
  ): void {
    const before = this.phase;
    const attempt = new AbortController();
    this.attempt = attempt;
    this.phase = 'checking';
    try {
      const answer = ask({ channel: ctx.channel, signal: attempt.signal });
      if (answer === undefined) {
        this.attempt = undefined;
        this.phase = before;
      } else if ('then' in answer) {
        answer.then(
          (verdict) => this.decide(ctx, attempt, verdict),
          (thrown: unknown) => this.crash(ctx, attempt, toError(thrown)),
        );
      } else this.decide(ctx, attempt, answer);
    } catch (thrown) {
      this.crash(ctx, attempt, toError(thrown));
    }
  }

  /** An answer that nobody waits for any more is dropped. */
  private decide(ctx: Context, attempt: AbortController, verdict: Verdict<Principal, Reply>): void {
    if (this.attempt !== attempt) return;
    this.attempt = undefined;
    try {
      if ('principal' in verdict) this.accept(ctx, verdict.principal, verdict.reply);
      else {
        const { onRefused = DEFAULTS.onRefused } = this.options;
        this.fail(ctx, {
          error: new RejectedError('REJECTED_AUTH', verdict.refused),
          reply: verdict.reply ?? this.options.replies?.refused?.(verdict.refused),
          stays: verdict.stays ?? onRefused === 'stay',
        });
      }
    } catch (thrown) {
      // A reply or a listener of the group threw: nobody knows how far it came.
      this.phase = 'over';
      ctx.fireExceptionCaught(toError(thrown));
      ctx.channel.end({ reason: 'error' });
    }
  }

  private crash(ctx: Context, attempt: AbortController, cause: Error): void {
    if (this.attempt !== attempt) return;
    const text = `the authenticator failed: ${cause.message}`;
    ctx.channel.logger.log('warn', `${ctx.channel} ${text}`, cause);
    this.attempt = undefined;
    this.fail(ctx, {
      error: new RejectedError('REJECTED_AUTH', text, {}, cause),
      reply: this.options.replies?.refused?.(text),
    });
  }

  private expire(ctx: Context, timeoutMs: number): void {
    const error = new TimedOutError('TIMEOUT_AUTH', `not authenticated within ${timeoutMs} ms`, {
      timeoutMs,
    });
    this.fail(ctx, { error, reply: this.options.replies?.timedOut?.(), reason: 'timeout' });
  }

  // --- yes ---

  private accept(ctx: Context, principal: Principal, reply: Reply | undefined): void {
    const { group, sessions, principalKey, onDuplicate = DEFAULTS.onDuplicate } = this.options;
    const { channel } = ctx;
    const previous = this.session;
    const others = sessions?.othersOf(principal, channel) ?? [];
    if (onDuplicate === 'refuse' && others.length > 0) {
      this.refuseDuplicate(ctx, principal);
      return;
    }
    if (onDuplicate === 'kick-older') for (const other of others) other.kick();
    this.deadline?.cancel();
    const session = { channel, principal, kick: () => this.kick(ctx) };
    this.session = session;
    this.phase = 'done';
    channel.attributes.set(PRINCIPAL, principal);
    if (principalKey !== undefined) channel.attributes.set(principalKey, principal);
    this.bind(session, previous);
    this.say(ctx, reply ?? this.options.replies?.accepted?.(principal));
    this.heldWrites?.removeAndWriteAll();
    ctx.flush();
    group?.add(channel);
    ctx.fireUserEventTriggered(new AuthenticatedEvent(principal, previous?.principal));
    this.release(ctx);
    const mustStay = sessions !== undefined || this.again !== 'pass';
    if (!mustStay && !ctx.isRemoved) ctx.pipeline.remove(this);
  }

  private bind(session: Session<Principal>, previous: Session<Principal> | undefined): void {
    const { sessions } = this.options;
    if (sessions === undefined) return;
    if (previous !== undefined) sessions.remove(previous);
    sessions.add(session);
    if (previous === undefined) {
      session.channel.onClosed(() => {
        if (this.session !== undefined) sessions.remove(this.session);
      });
    }
  }

  /** Hands on what was held, as if it came now. */
  private release(ctx: Context): void {
    const { held = [] } = this;
    if (held.length === 0) return;
    this.isReleasing = true;
    while (held.length > 0 && this.phase === 'done' && ctx.channel.isActive) {
      this.passOn(ctx, held.shift()!);
    }
    this.isReleasing = false;
    if (this.phase !== 'over') ctx.fireChannelReadComplete();
  }

  // --- no ---

  private refuseDuplicate(ctx: Context, principal: Principal): void {
    this.fail(ctx, {
      error: new RejectedError('REJECTED_AUTH', 'the id is in use on another connection'),
      reply: this.options.replies?.duplicate?.(principal),
      stays: this.session !== undefined,
      reason: 'refused',
    });
  }

  private fail(ctx: Context, failure: Failure<Reply>): void {
    const { error, reply, stays = false, reason = 'unauthenticated' } = failure;
    if (!stays) this.stop(error);
    else this.phase = this.session === undefined ? 'waiting' : 'done';
    this.say(ctx, reply);
    ctx.fireUserEventTriggered(new AuthFailedEvent(error, stays));
    if (!stays) ctx.channel.end({ reason });
    else if (this.session !== undefined) this.release(ctx);
    else for (const message of this.held?.splice(0) ?? []) this.channelRead(ctx, message);
  }

  /** From here on nothing that this connection sent is acted on. */
  private kick(ctx: Context): void {
    const session = this.session!;
    this.stop(new RejectedError('REJECTED_AUTH', 'a newer connection took the place of this one'));
    this.options.sessions?.remove(session);
    this.options.group?.remove(ctx.channel);
    this.say(ctx, this.options.replies?.kicked?.(session.principal));
    ctx.channel.end({ reason: 'replaced' });
  }

  private say(ctx: Context, reply: Reply | undefined): void {
    if (reply !== undefined && ctx.channel.isActive) ctx.writeAndFlush(reply);
  }
}

interface Failure<Reply> {
  readonly error: RejectedError | TimedOutError;
  readonly reply: Reply | undefined;
  readonly stays?: boolean;
  readonly reason?: CloseReason;
}
