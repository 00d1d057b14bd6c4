import { isHeadraceError, type Timer } from '@headrace/core';
import { checkedResult, GivenSource, onAbort, toError } from '@headrace/core/authoring';
import { afterSent, requestAborted } from '@headrace/handlers/call';
import type { StreamOptions } from '../exchange/exchange-options.ts';
import { type CallLimits, type CallRules, isRepeatable, retryDelay } from './call-rules.ts';

/** A stream that further calls can continue. */
export interface ResumedStream {
  /** Input of the first call. */
  readonly input: unknown;
  /** Calls the method. */
  call(input: unknown, options: StreamOptions): AsyncIterable<unknown>;
  /** Returns the input of a call that continues after an item. */
  inputAfter(last: unknown): unknown;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The items of a stream over one or more calls. If the connection of a call is lost, or its process goes away, the next call
 * continues after the last item. A call that brings an item begins a new series of attempts, so a subscription survives any
 * number of restarts, and a stream that fails at once is given up.
 */
export class ResumedItems implements AsyncIterableIterator<unknown> {
  private readonly rules: CallRules;
  private readonly signal: AbortSignal | undefined;
  private readonly stream: ResumedStream;
  private readonly options: StreamOptions;
  private readonly deadline: number;
  private items: GivenSource;
  private last: { readonly item: unknown } | undefined = undefined;
  /** Calls since the last item, the time of the first one, and the random number of their delays. */
  private made = 1;
  private begunAt: number;
  private phase: number;
  private isOver = false;
  /** Ends the delay before the next call. */
  private wake: (() => void) | undefined = undefined;

  constructor(
    rules: CallRules,
    { timeoutMs, signal }: CallLimits,
    stream: ResumedStream,
    options: StreamOptions,
  ) {
    this.rules = rules;
    this.signal = signal;
    this.stream = stream;
    this.options = options;
    this.begunAt = rules.clock.now();
    this.phase = rules.random();
    this.deadline = this.begunAt + timeoutMs;
    this.items = this.called(stream.input);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    while (!this.isOver) {
      try {
        const result = checkedResult(await this.items.next());
        if (result.done === true) this.isOver = true;
        else this.received(result.value);
        return result;
      } catch (thrown) {
        await this.resume(toError(thrown));
      }
    }
    return DONE;
  }

  /** Releases the items, even while an item or the next call is awaited. */
  async return(): Promise<IteratorResult<unknown>> {
    this.isOver = true;
    this.wake?.();
    await this.items.release();
    return DONE;
  }

  private received(item: unknown): void {
    this.last = { item };
    this.made = 0;
  }

  /** Calls the method again. Throws the error if no further call is allowed. */
  private async resume(error: Error): Promise<void> {
    if (this.isOver) return;
    try {
      await this.delay(error);
      if (this.isOver) return;
      const { last, stream } = this;
      this.made += 1;
      this.items = this.called(last === undefined ? stream.input : stream.inputAfter(last.item));
    } catch (thrown) {
      this.isOver = true;
      throw thrown;
    }
  }

  private async delay(error: Error): Promise<void> {
    const { rules, signal, deadline } = this;
    const now = rules.clock.now();
    if (this.made === 0) {
      this.made = 1;
      this.begunAt = now;
      this.phase = rules.random();
    }
    const { made, begunAt, phase } = this;
    const delayMs = isRepeatable(rules, error)
      ? retryDelay(rules, error, { made, elapsedMs: now - begunAt, phase })
      : undefined;
    if (delayMs === undefined || now + delayMs >= deadline) throw this.asSent(error);
    await this.pass(delayMs);
    if (signal?.aborted === true) throw requestAborted(signal, true);
  }

  /** Waits. The end of the stream and its signal end the wait. */
  private async pass(delayMs: number): Promise<void> {
    const { rules, signal } = this;
    let timer: Timer | undefined;
    let stopListening: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = rules.clock.schedule(resolve, delayMs, true);
      stopListening = signal && onAbort(signal, resolve);
      if (signal?.aborted === true) resolve();
    });
    this.wake = undefined;
    timer?.cancel();
    stopListening?.();
  }

  private called(input: unknown): GivenSource {
    const { deadline, options, rules } = this;
    const leftMs = Math.ceil(deadline - rules.clock.now());
    const own = Number.isFinite(leftMs) ? { ...options, timeoutMs: Math.max(1, leftMs) } : options;
    return new GivenSource(this.stream.call(input, own));
  }

  /** The last call may not have been sent, but earlier calls were. */
  private asSent(error: Error): unknown {
    const isFirst = this.last === undefined && this.made === 1;
    return isFirst || !isHeadraceError(error) ? error : afterSent(error);
  }
}
