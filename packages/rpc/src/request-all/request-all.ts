import {
  type Channel,
  ChannelGroup,
  type ChannelMatcher,
  ChannelMatchers,
  PipelineError,
  type Timer,
} from '@headrace/core';
import {
  describeOptions,
  fn,
  number,
  onAbort,
  toError,
  unchecked,
  unpinned,
} from '@headrace/core/authoring';
import { requestAborted, requestLost, requestTimedOut } from '@headrace/handlers/call';
import type { BinaryExchange } from '../exchange/binary-frame.ts';
import type { ExchangeTypes } from '../exchange/exchange-format.ts';
import { ExchangeHandler } from '../exchange/exchange-handler.ts';
import { AnswerQueue } from './answer-queue.ts';
import type { GroupAnswers } from './group-answers.ts';
import { MemberCall, type Reason } from './member-call.ts';

/** The answer of one member, or the error that explains why there is none. */
export type MemberAnswer<Result> =
  | { readonly channel: Channel; readonly answer: Result; readonly error?: undefined }
  | { readonly channel: Channel; readonly answer?: undefined; readonly error: Error };

/** Options of {@link requestAll}. */
export interface RequestAllOptions<T extends ExchangeTypes> {
  /** Maximum time for all answers together, in milliseconds, up to a day. @default 10_000 */
  readonly timeoutMs?: number;
  /** Selects the members that receive the request. @default all */
  readonly matcher?: ChannelMatcher;
  /** Signal that cancels the request. Each member without an answer then has the error `OPERATION_ABORTED`. */
  readonly signal?: AbortSignal;
  /** Returns the handler that sends the request to a member. @default the first ExchangeHandler of its pipeline */
  readonly handlerOf?: (channel: Channel) => ExchangeHandler<T> | undefined;
}

const DAY_MS = 86_400_000;
/** Number of members that receive the request in one turn of the event loop, about as many as a group writes to in one turn. */
const MEMBERS_PER_TURN = 512;

const OPTIONS = describeOptions('requestAll', {
  timeoutMs: number({ min: 1, max: DAY_MS, default: 10_000 }),
  matcher: fn({ answers: 'sync', default: ChannelMatchers.all, purpose: 'chooses members' }),
  signal: unchecked(),
  handlerOf: fn({ answers: 'sync', purpose: 'gives the ExchangeHandler of a member' }),
});

interface Limits {
  readonly timeoutMs: number;
  readonly matcher: ChannelMatcher;
  readonly signal: AbortSignal | undefined;
  readonly handlerOf: ((channel: Channel) => unknown) | undefined;
}

/** The request to all members of one broadcast. */
class Question {
  readonly answers: AnswerQueue<MemberAnswer<unknown>>;
  private readonly calls: readonly MemberCall[];
  private readonly body: unknown;
  private readonly limits: Limits;
  private readonly ends: (() => void)[] = [];
  private deadline = 0;
  private timer: Timer | undefined = undefined;
  private next = 0;

  constructor(channels: Iterable<Channel>, body: unknown, limits: Limits) {
    this.calls = Array.from(channels, (channel) => new MemberCall(channel));
    this.body = body;
    this.limits = limits;
    this.answers = new AnswerQueue(this.calls.length, () =>
      this.giveUp((sent) => requestLost('nobody waits for the answers any longer', sent)),
    );
  }

  begin(members: Iterable<Channel>): void {
    const { calls, limits } = this;
    const { signal, timeoutMs } = limits;
    if (calls.length === 0) return;
    if (signal !== undefined) {
      const aborted: Reason = (sent) => requestAborted(signal, sent);
      if (signal.aborted) {
        this.giveUp(aborted);
        return;
      }
      this.ends.push(onAbort(signal, () => this.giveUp(aborted)));
    }
    const { clock } = calls[0]!.channel;
    this.deadline = clock.now() + timeoutMs;
    // Calls have their own deadline. This timer is for members whose turn has not come by then.
    const late = (): void => this.giveUp((sent) => requestTimedOut(timeoutMs, sent), this.next);
    this.timer = clock.deadlines.schedule(late, timeoutMs);
    this.ends.push(() => this.timer?.cancel());
    if (members instanceof ChannelGroup) this.watch(members);
    // A request does not overtake earlier writes to the group.
    if (hasBacklog(members)) members.onceDrained(() => this.resume());
    else this.resume();
  }

  private watch(group: ChannelGroup): void {
    const callOf = new Map(this.calls.map((call) => [call.channel, call]));
    const left = (channel: Channel): void => {
      const call = callOf.get(channel);
      // If the channel closes, its handler reports the reason.
      if (call === undefined || !channel.isOpen) return;
      this.abort(call, (sent) => requestLost('the channel left the group', sent));
    };
    group.on('channelLeft', left);
    this.ends.push(() => void group.off('channelLeft', left));
  }

  private resume(): void {
    const { calls } = this;
    const end = Math.min(this.next + MEMBERS_PER_TURN, calls.length);
    while (this.next < end) {
      const call = calls[this.next]!;
      this.next += 1;
      this.ask(call);
    }
    if (end === calls.length) this.timer?.cancel();
    else calls[0]!.channel.clock.nextTurn(() => this.resume());
  }

  private ask(call: MemberCall): void {
    const { channel, signal } = call;
    call.isAsked = true;
    const failed = (thrown: unknown): void => this.settle(call, undefined, toError(thrown));
    try {
      const timeoutMs = Math.max(1, this.deadline - channel.clock.now());
      this.handlerOf(channel)
        .request(this.body, { timeoutMs, signal })
        .then((answer) => this.settle(call, answer, undefined), failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  /** @throws ChannelError, PipelineError, and the errors of the application's function */
  private handlerOf(channel: Channel): ExchangeHandler<ExchangeTypes> {
    const { closeInfo } = channel;
    if (!channel.isOpen) {
      const why = `the channel closed (${closeInfo?.reason})`;
      throw requestLost(why, false, closeInfo?.error);
    }
    const { handlerOf = usualHandler } = this.limits;
    const handler = handlerOf(channel) as ExchangeHandler<ExchangeTypes> | undefined;
    if (handler !== undefined) return handler;
    const text = `${channel} has no ExchangeHandler to answer calls: put one into its pipeline, or leave the channel out by matcher`;
    throw new PipelineError('PIPELINE_UNKNOWN_NAME', text, { name: 'ExchangeHandler' });
  }

  /** Cancels all calls without an answer, from an index on, and sends no further requests. */
  private giveUp(why: Reason, from = 0): void {
    this.next = this.calls.length;
    for (const call of this.calls.slice(from)) this.abort(call, why);
  }

  private abort(call: MemberCall, why: Reason): void {
    if (call.isSettled || call.aborted) return;
    call.abort(why);
    if (!call.isAsked) this.settle(call, undefined, why(false));
  }

  private settle(call: MemberCall, answer: unknown, error: Error | undefined): void {
    if (call.isSettled) return;
    call.isSettled = true;
    const { channel } = call;
    const reason = error && call.errorOf(error);
    // The answer can be read much later. A view would keep all the memory of its read.
    this.answers.settle(
      reason === undefined ? { channel, answer: unpinned(answer) } : { channel, error: reason },
    );
    if (this.answers.isOver) this.end();
  }

  private end(): void {
    for (const end of this.ends.splice(0)) end();
  }
}

/**
 * Sends a request to each member of a group, and returns the answers as they arrive. A member without an answer has an error:
 *
 * - `TIMEOUT_REQUEST`: the member did not answer within `timeoutMs`.
 * - `REQUEST_LOST`: the member's channel closed, or left a `ChannelGroup`.
 * - `PIPELINE_UNKNOWN_NAME`: the member's pipeline has no `ExchangeHandler`.
 * - Other codes: as for `ExchangeHandler.request`.
 *
 * The request is sent after the broadcasts that the group has accepted, even if no loop reads the answers. A large group receives
 * the request over several turns of the event loop.
 *
 * All requests share a body of bytes. A JSON-RPC body is encoded for each member, because it contains the id of the request. Do
 * not change the body until the end.
 *
 * @param members - a group, or any channels of this process; servers are left out
 * @throws OptionError `OPTION_INVALID`; errors of `matcher`. Then no request is sent
 * @example
 * ```ts run
 * import { JsonCodec, lengthPrefixed } from '@headrace/codec';
 * import { ChannelGroup } from '@headrace/core';
 * import { connectedPair, VirtualClock } from '@headrace/core/testing';
 * import { ExchangeHandler, type JsonRpcExchange, jsonRpcExchange, requestAll } from '@headrace/rpc';
 *
 * const format = jsonRpcExchange();
 * const frames = () => [...lengthPrefixed({ maxFrameLength: 1000 }), new JsonCodec()] as const;
 * const devices = new ChannelGroup('devices');
 * const clock = new VirtualClock();
 * const connect = (version: number) => connectedPair({
 *   clock,
 *   client: ({ pipeline }) => pipeline.addLast(...frames(), new ExchangeHandler({ format, handle: () => version })),
 *   server: ({ pipeline }) => pipeline.addLast(...frames(), new ExchangeHandler({ format })),
 * });
 * for (const version of [1, 2]) devices.add(connect(version).server);
 *
 * const answers = requestAll<JsonRpcExchange>(devices, { method: 'version' }, { timeoutMs: 2000 });
 * const { answered, failed } = await clock.run(() => answers.all());
 * console.log(answered, failed);
 * // prints 2 0
 * ```
 */
export function requestAll<T extends ExchangeTypes = BinaryExchange>(
  members: Iterable<Channel>,
  body: T['call'],
  options: RequestAllOptions<T> = {},
): GroupAnswers<MemberAnswer<T['result']>> {
  const limits: Limits = OPTIONS.resolve(options as unknown as RequestAllOptions<ExchangeTypes>);
  const channels = new Set<Channel>();
  for (const channel of members) {
    if (!channel.isServer && limits.matcher(channel)) channels.add(channel);
  }
  const question = new Question(channels, unpinned(body), limits);
  question.begin(members);
  return question.answers;
}

function usualHandler(channel: Channel): ExchangeHandler<ExchangeTypes> | undefined {
  return channel.pipeline.get(ExchangeHandler<ExchangeTypes>);
}

function hasBacklog(
  members: Iterable<Channel>,
): members is Iterable<Channel> & { onceDrained(listener: () => void): void } {
  return typeof (members as { onceDrained?: unknown }).onceDrained === 'function';
}
