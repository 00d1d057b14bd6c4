import type { CallOutput } from '@headrace/handlers/call';
import { AnswerWriter } from './answer-writer.ts';
import type { ExchangeAnswers } from './exchange-answers.ts';
import { failureOf } from './exchange-error.ts';
import type { AnswerGather, ExchangeFormat, ExchangeId } from './exchange-format.ts';

/** The answers of an end without a function: an error to each request, and nothing to notices. */
export class NoAnswers implements ExchangeAnswers {
  readonly unanswered = 0;
  readonly running = 0;
  private readonly output: CallOutput;
  private readonly format: ExchangeFormat;
  private readonly writer: AnswerWriter;

  constructor(output: CallOutput, format: ExchangeFormat) {
    this.output = output;
    this.format = format;
    this.writer = new AnswerWriter(output, format);
  }

  request(id: ExchangeId, _body?: unknown, _timeLeftMs?: number, gather?: AnswerGather): boolean {
    this.writer.error({ id, gather }, failureOf(this.format, 'unknown'));
    return true;
  }

  refused(why: string): void {
    this.writer.warn(this.output.ctx.channel, `refused a request: ${why}`);
  }

  open(id: ExchangeId): boolean {
    return this.request(id);
  }

  // Items and credit of a call that was refused can still be on their way.
  item(): boolean {
    return true;
  }

  inputEnd(): boolean {
    return true;
  }

  credited(): boolean {
    return true;
  }

  // Nothing is under way.
  notification(): void {}
  cancel(): void {}
  loseInput(): void {}
  resume(): void {}
  loseResumable(): void {}
  leave(): void {}
  abandon(): void {}
  release(): void {}
}
