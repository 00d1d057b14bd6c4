import type { Channel } from '@headrace/core';
import { callInContext, warnFirst } from '@headrace/core/authoring';
import { type CallOutput, encodeErrorOf, endUnanswered } from '@headrace/handlers/call';
import { type ErrorAnswer, failureOf } from './exchange-error.ts';
import type { AnswerGather, ExchangeFormat, ExchangeId } from './exchange-format.ts';

/** A request that is answered. */
export interface Answered {
  readonly id: ExchangeId | undefined;
  readonly gather?: AnswerGather | undefined;
}

/** Writes the answers to the requests of one channel, and logs what went wrong: a warning for the first, debug for others. */
export class AnswerWriter {
  private readonly output: CallOutput;
  private readonly format: ExchangeFormat;
  private hasWarned = false;

  constructor(output: CallOutput, format: ExchangeFormat) {
    this.output = output;
    this.format = format;
  }

  /**
   * Writes an error. If the format cannot write its code or data, the peer receives the plain error for `failed`. If the format
   * cannot write that one either, the channel ends, because the peer would wait for an answer.
   */
  error(to: Answered, { code, text, data }: ErrorAnswer): void {
    const { output, format } = this;
    const id = to.id!;
    try {
      if (this.write(to, format.error?.(id, code, text, data)) === undefined) return;
    } catch {}
    const plain = failureOf(format, 'failed');
    callInContext(output.ctx, () => {
      let failure: unknown = plain;
      try {
        failure = this.write(to, format.error?.(id, plain.code, plain.text));
      } finally {
        if (failure !== undefined) endUnanswered(output.ctx.channel);
      }
    });
  }

  /**
   * Writes an answer, or adds the answer to those of its batch. `undefined` writes nothing. Returns the error of an answer that
   * cannot be encoded.
   */
  write({ gather }: Answered, answer: unknown): Error | undefined {
    if (answer === undefined) return undefined;
    const message = gather === undefined ? answer : gather(answer);
    if (message === undefined) return undefined;
    const { output } = this;
    return encodeErrorOf(output.ctx.channel, output.write(message));
  }

  warn(channel: Channel, text: string, error?: Error): void {
    const isFirst = !this.hasWarned;
    this.hasWarned = true;
    warnFirst(channel, isFirst, text, error);
  }
}
