import {
  type Context,
  type Handler,
  RejectedError,
  type TimedOutError,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import {
  callInContext,
  KeptInputHandler,
  type KeptInputSteps,
  markExpected,
  PendingWriteQueue,
  TakenReads,
  toError,
} from '@headrace/core/authoring';
import { encodeErrorOf } from '../call/encode-error.ts';
import { AuthDeadline } from './auth-deadline.ts';
import { AuthenticatedEvent, AuthFailedEvent } from './auth-event.ts';
import { type AuthAction, AuthMachine, type Rejection } from './auth-machine.ts';
import {
  type AuthFunctions,
  type AuthOptions,
  type AuthVerdict,
  acceptedBy,
  authFunctions,
  resolveAuthOptions,
} from './auth-options.ts';
import {
  CLOSE_REASONS,
  type RefusalFacts,
  refusalError,
  refusalReply,
  writeError,
} from './auth-refusal.ts';
import { Inquiry, type Question } from './inquiry.ts';
import { Membership } from './membership.ts';
import { isSignInRestored, principalOf } from './principal.ts';
import type { OtherSession, Session } from './sessions.ts';

const CLOSED = 'the connection closed before it authenticated';
const NOBODY =
  "it answered with neither a principal nor a refusal: { principal } or { refused: 'why' }";
const REMOVED = 'the auth handler was removed before the sign-in';

const EVENTS = { fires: ['AuthenticatedEvent', 'AuthFailedEvent'] } as const;

/**
 * Passes no messages on until the authenticator accepts the peer. The handler then adds the channel to the group, fires an event
 * with the principal, and passes on the messages that it held. If the authenticator refuses the peer or takes too long, the
 * handler ends the connection.
 *
 * ```text
 *  wire | frame | codec | last words | heartbeat | [auth] | app
 * ```
 *
 * - **Place** After the codec, before all handlers that serve only members. Handlers before it (a heartbeat, a handler that
 *   answers errors) also work before the sign-in.
 * - **In** Messages, including credentials.
 * - **Out** The messages of an authenticated peer, in order, held messages first. While the authenticator works, reads are held,
 *   so the decoders before the handler stop after the credentials. If the sign-in removes a decoder, the bytes that follow pass
 *   on undecoded, as with {@link switchProtocol}.
 * - **Events** Fires `AuthenticatedEvent` when the peer is authenticated: after the reply `accepted` and the join of `group`, before
 *   any message. Fires `AuthFailedEvent` at each failure. Sets the attribute `PRINCIPAL`. Holds `channelReadComplete` back until the peer is authenticated.
 * - **Errors** `REJECTED_AUTH` and `TIMEOUT_AUTH` in the failed event, for held writes, and in a log line at level `debug`. The
 *   hook `writeFailed` receives the errors of writes that no handler observes. The close reasons are `unauthenticated`,
 *   `timeout`, `replaced` and `refused`.
 * - **State** Per channel. The handler removes itself when the peer is authenticated, unless `sessions` is set or `again` is not
 *   `'pass'`. In these cases it stays, so that no message of the older connection is processed after a kick.
 * - **Cost** None after the sign-in. If the handler stays, one comparison per message and write.
 * - **Pitfalls** Compare secrets with `secretsEqual`, and slow down guessing with `GuessLimiter`. Writes of later handlers are
 *   held until the peer is authenticated, except writes that `exceptionCaught` makes at once. The deadline runs outside any
 *   asynchronous context, so an `AsyncLocalStorage` has no value there.
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
export class AuthHandler<Message = string, Principal = unknown, Reply = never>
  extends KeptInputHandler
  implements Handler
{
  declare readonly types: Types<{ reads: Message; writes: Reply }>;
  private readonly options: AuthOptions<Message, Principal, Reply>;
  private readonly machine: AuthMachine;
  // Thousands of connections may wait for their sign-in. Objects that only some of them need are made on
  // first use.
  private madeFunctions: AuthFunctions<Message, Principal, Reply> | undefined = undefined;
  private madeMembership: Membership<Principal> | undefined = undefined;
  private inquiry: Inquiry<Principal, Reply> | undefined = undefined;
  private deadline: AuthDeadline | undefined = undefined;
  private early: PendingWriteQueue | undefined = undefined;
  private readonly reads = new TakenReads();
  private isDeciding = false;
  /** Whether an error is passing. Later handlers' writes are then answers to the error. */
  private passesError = false;

  get userEvents(): { readonly fires: readonly ('AuthenticatedEvent' | 'AuthFailedEvent')[] } {
    return EVENTS;
  }

  constructor(options: AuthOptions<Message, Principal, Reply>) {
    super();
    this.options = options;
    this.machine = new AuthMachine(resolveAuthOptions(options));
  }

  private get functions(): AuthFunctions<Message, Principal, Reply> {
    this.madeFunctions ??= authFunctions(this.options);
    return this.madeFunctions;
  }

  private get membership(): Membership<Principal> {
    this.madeMembership ??= new Membership(this.options);
    return this.madeMembership;
  }

  /** Whether the handler still has work after the sign-in. */
  private get staysOn(): boolean {
    return this.options.sessions !== undefined || this.machine.rules.again !== 'pass';
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  override channelInactive(ctx: Context): void {
    if (this.machine.phase !== 'done' || !this.isKeeping) this.abandon(CLOSED);
    super.channelInactive(ctx);
  }

  override handlerRemoved(ctx: Context): void {
    if (this.machine.phase !== 'done') this.abandon(REMOVED);
    // During a decision, reads continue only after the decision, because other handlers are still being added
    // and removed.
    if (this.isDeciding) this.kept.passOnAll(ctx);
    else super.handlerRemoved(ctx);
    this.abandon(REMOVED);
  }

  protected override keptInputSteps(): KeptInputSteps {
    return {
      why: 'AuthHandler',
      mayPass: () => this.machine.phase === 'done' || this.machine.phase === 'over',
      passOn: (ctx, message) => this.act(ctx, message as Message),
      delivered: (ctx) => {
        if (!this.isDeciding && this.isFree) this.kept.release();
        this.leave(ctx);
      },
      event: (ctx, event) => {
        if (event.method === 'channelInactive') this.abandon(CLOSED);
        event.fire(ctx);
      },
    };
  }

  private start(ctx: Context): void {
    if (this.deadline !== undefined || this.machine.phase !== 'waiting') return;
    if (isSignInRestored(ctx.channel)) {
      // The pipeline is still being built: handlers that receive the event stand behind this handler.
      ctx.clock.execute(() => this.restore(ctx));
      return;
    }
    const { timeoutMs } = this.machine.rules;
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.deadline = new AuthDeadline(this, ctx, timeoutMs);
    }
    const { authenticateChannel } = this.options;
    if (authenticateChannel !== undefined) this.check(ctx, authenticateChannel);
  }

  private restore(ctx: Context): void {
    const principal = principalOf<Principal>(ctx.channel);
    if (this.machine.phase !== 'waiting' || ctx.isRemoved || principal === undefined) return;
    this.orEnd(ctx, () => this.accepted(ctx, principal, undefined, true));
  }

  /** @internal */
  expired(ctx: Context): void {
    this.orEnd(ctx, () => this.decide(ctx, this.machine.expired()));
  }

  /** Ends the sign-in. An error costs more than the rest of a connection's end, so it is made only if something waits for it. */
  private abandon(why: string): void {
    const isAwaited = this.inquiry?.isOpen === true || this.early?.isEmpty === false;
    this.stop(isAwaited ? new RejectedError('REJECTED_AUTH', why) : undefined);
  }

  private stop(error?: RejectedError | TimedOutError): void {
    this.machine.over();
    this.deadline?.cancel();
    this.inquiry?.abort(error);
    if (this.isKeeping) this.kept.drop();
    if (error !== undefined) this.early?.removeAndFailAll(error);
  }

  // --- messages ---

  override channelRead(ctx: Context, message: Message): void {
    // Held messages are processed first.
    if (this.machine.phase === 'done' && this.isKeeping) this.kept.keep(message);
    else this.act(ctx, message);
    if (ctx.isRemoved) this.reads.complete(ctx);
  }

  override channelReadComplete(ctx: Context): void {
    this.reads.complete(ctx);
    if (this.machine.isSignedIn || this.isKeeping) super.channelReadComplete(ctx);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const fate = this.machine.write(this.early?.size ?? 0, this.passesError);
    if (fate === 'pass') return ctx.write(message);
    if (fate !== 'hold') throw writeError(fate, this.machine.rules);
    this.early ??= new PendingWriteQueue(ctx);
    return this.early.add(message);
  }

  override exceptionCaught(ctx: Context, error: Error): void {
    this.passesError = true;
    super.exceptionCaught(ctx, error);
    this.passesError = false;
  }

  private act(ctx: Context, message: Message): void {
    const { machine } = this;
    const isCredentials = machine.looksForCredentials && this.isCredentials(message);
    const action = machine.message(isCredentials, this.isKeeping ? this.kept.size : 0);
    if (action.do === 'pass' || action.do === 'hold') this.reads.passed();
    else this.reads.took();
    if (action.do === 'pass') ctx.fireChannelRead(message);
    else if (action.do === 'hold') this.kept.keep(message);
    else if (action.do === 'answer-again') {
      this.reply(ctx, this.functions.replies?.again?.(message));
    } else if (action.do === 'check') {
      this.check(ctx, (attempt) => this.options.authenticate(message, attempt));
    } else if (action.do === 'reject') this.decide(ctx, [action], { message });
  }

  private isCredentials(message: Message): boolean {
    return this.functions.isCredentials?.(message) ?? true;
  }

  // --- the authenticator ---

  private check(ctx: Context, question: Question<Principal, Reply>): void {
    this.inquiry ??= this.inquiryOf(ctx);
    this.inquiry.ask(ctx.channel, question);
  }

  private inquiryOf(ctx: Context): Inquiry<Principal, Reply> {
    const { machine } = this;
    return new Inquiry({
      began: () => machine.began(),
      waits: () => {
        this.kept.hold(ctx.channel);
        // Messages after the credentials are held with them.
        this.kept.pause(false);
      },
      undecided: () => machine.undecided(),
      decided: (verdict) => this.orEnd(ctx, () => this.answered(ctx, verdict)),
      failed: (cause) => this.orEnd(ctx, () => this.failed(ctx, cause)),
    });
  }

  private answered(ctx: Context, verdict: AuthVerdict<Principal, Reply>): void {
    const principal = acceptedBy(verdict);
    if (principal !== undefined) this.accepted(ctx, principal, verdict.reply);
    else if ('refused' in verdict && verdict.refused !== undefined) {
      const { refused: text, reply = this.refused(text) } = verdict;
      this.decide(ctx, this.machine.no(verdict.stays), { text, reply });
    } else this.failed(ctx, new Error(NOBODY));
  }

  private failed(ctx: Context, cause: Error): void {
    const text = `the authenticator failed: ${cause.message}`;
    ctx.channel.logger.log('warn', `${ctx.channel} ${text}`, markExpected(cause));
    const reply = this.refused(text);
    this.decide(ctx, this.machine.failed(), { text, cause, reply });
  }

  private refused(text: string): Reply | undefined {
    return this.functions.replies?.refused?.(text);
  }

  /** Runs a task of a timer or a promise. Its error must reach the pipeline, and not the process. */
  private orEnd(ctx: Context, task: () => void): void {
    try {
      task();
    } catch (thrown) {
      // A reply or a listener of the group threw, so it is unknown how much of the task is done.
      this.stop();
      this.kept.release();
      ctx.fireExceptionCaught(toError(thrown));
      ctx.channel.end({ reason: 'error' });
    }
  }

  // --- decisions ---

  /** @param isRestored - whether the sign-in was in another process, so that the peer has its answer */
  private accepted(
    ctx: Context,
    principal: Principal,
    reply: Reply | undefined,
    isRestored = false,
  ): void {
    // The channel is closed, and its last event, which ends the attempt, has not arrived yet.
    if (!ctx.channel.isOpen) return;
    const others = this.membership.others(principal, ctx.channel);
    const actions = this.machine.yes(others.length);
    this.isDeciding = true;
    try {
      for (const action of actions) {
        if (action.do === 'kick-others') this.kickAll(ctx, others);
        else if (action.do === 'accept') this.accept(ctx, principal, reply, isRestored);
        else if (action.do === 'reject') {
          this.execute(ctx, action, { reply: this.functions.replies?.duplicate?.(principal) });
        } else this.execute(ctx, action, {});
      }
    } finally {
      this.isDeciding = false;
    }
    this.decided(ctx);
  }

  private decide(
    ctx: Context,
    actions: readonly AuthAction[],
    facts: RefusalFacts<Message, Reply> = {},
  ): void {
    this.isDeciding = true;
    try {
      for (const action of actions) this.execute(ctx, action, facts);
    } finally {
      this.isDeciding = false;
    }
    this.decided(ctx);
  }

  /** Releases reads if no credentials are being checked and no held messages must be processed first. */
  private decided(ctx: Context): void {
    if (this.machine.phase === 'checking') return;
    if (this.isKeeping && !ctx.isRemoved) this.kept.deliver(ctx);
    if (this.isFree || ctx.isRemoved) this.kept.release();
  }

  private get isFree(): boolean {
    return this.machine.phase !== 'checking' && !this.isKeeping;
  }

  private execute(ctx: Context, action: AuthAction, facts: RefusalFacts<Message, Reply>): void {
    if (action.do === 'hand-on') this.handOn(ctx);
    else if (action.do === 'redeliver') this.kept.redeliver(ctx);
    else if (action.do === 'reject') this.reject(ctx, action.why, action.stays, facts);
  }

  // --- yes ---

  private accept(
    ctx: Context,
    principal: Principal,
    reply: Reply | undefined,
    isRestored: boolean,
  ): void {
    const { membership } = this;
    const { channel } = ctx;
    // The end of another session may have closed this channel, or kicked the session that the channel moves
    // from.
    if (this.machine.phase !== 'done' || !channel.isOpen) return;
    const previous = membership.principal;
    this.deadline?.cancel();
    const session = { channel, principal, kick: () => this.kick(ctx, session) };
    if (!membership.begin(ctx, session)) return;
    if (!isRestored) this.reply(ctx, reply ?? this.functions.replies?.accepted?.(principal));
    if (!membership.has(session)) return;
    this.early?.removeAndWriteAll();
    ctx.flush();
    if (!membership.has(session) || !membership.join(session)) return;
    ctx.fireUserEventTriggered(new AuthenticatedEvent(principal, previous));
  }

  /** Passes on the held messages. */
  private handOn(ctx: Context): void {
    if (this.isKeeping) this.kept.deliver(ctx);
    else this.leave(ctx);
  }

  private leave(ctx: Context): void {
    const isDone = this.machine.phase === 'done' && !this.isKeeping;
    if (isDone && !this.staysOn && !ctx.isRemoved) ctx.pipeline.remove(this);
  }

  // --- no ---

  private reject(
    ctx: Context,
    why: Rejection,
    stays: boolean,
    facts: RefusalFacts<Message, Reply>,
  ): void {
    const error = refusalError(why, facts, this.machine.rules);
    // A failure is logged with its error. Other refusals are off by default, because strangers can cause any number of them.
    if (why !== 'failure') {
      ctx.channel.logger.log('debug', `${ctx.channel} refused the sign-in: ${error.message}`);
    }
    if (!stays) this.stop(error);
    this.reply(ctx, refusalReply(why, facts, this.functions.replies));
    ctx.fireUserEventTriggered(new AuthFailedEvent(error, stays));
    if (!stays) ctx.channel.end({ reason: CLOSE_REASONS[why] });
  }

  /**
   * Ends the session. From now on, no message of this connection is processed. A kick may happen at any time, also from outside,
   * so an error is reported for this connection, not to the code that kicks.
   */
  private kick(ctx: Context, session: Session<Principal>): void {
    if (!this.membership.end(session)) return;
    this.machine.kicked();
    const { membership } = this;
    const { channel } = ctx;
    this.stop(refusalError('kicked', {}, this.machine.rules));
    this.kept.release();
    callInContext(ctx, () => membership.removeSession(session));
    callInContext(ctx, () => void membership.leaveGroup(channel));
    if (channel.isActive && !channel.isEnding)
      callInContext(ctx, () =>
        this.reply(ctx, this.functions.replies?.kicked?.(session.principal)),
      );
    channel.end({ reason: CLOSE_REASONS.kicked });
  }

  private kickAll(ctx: Context, others: readonly OtherSession[]): void {
    for (const other of [...others]) {
      const returned: unknown = other.kick();
      callInContext(ctx, () => returned);
    }
  }

  private reply(ctx: Context, reply: Reply | undefined): void {
    const { isActive, isEnding } = ctx.channel;
    if (reply === undefined || !isActive || isEnding) return;
    // The peer would wait for a reply that cannot be encoded.
    const error = encodeErrorOf(ctx.channel, ctx.writeAndFlush(reply));
    if (error !== undefined) ctx.channel.end({ reason: 'error' });
  }
}
