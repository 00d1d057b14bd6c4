import type { ChannelError, WriteFuture } from '@headrace/core';
import { SettableFuture, toError } from '@headrace/core/authoring';
import { Call } from '../call/call.ts';
import { requestAborted, requestLost } from '../call/call-error.ts';
import { CallLine } from '../call/call-line.ts';
import type { CallOutput } from '../call/call-output.ts';
import { CallTable } from '../call/call-table.ts';
import { refusedByPeer } from './exchange-error.ts';
import type { ExchangeFormat } from './exchange-format.ts';

/** Settings of the calls that this end makes. */
export interface CallerOptions {
  readonly format: ExchangeFormat;
  readonly maxInFlight: number;
  readonly maxQueued: number;
}

/** The calls of this end over one channel: promises and futures around a table with one line. */
export class ExchangeCaller {
  private readonly output: CallOutput;
  private readonly format: ExchangeFormat;
  private readonly table: CallTable;
  private readonly line: CallLine;
  /** Answers cannot come any more. */
  private lost: { readonly why: string; readonly cause: unknown } | undefined = undefined;

  constructor(output: CallOutput, options: CallerOptions, changed: () => void) {
    const { format, maxInFlight } = options;
    this.output = output;
    this.format = format;
    this.table = new CallTable(output.ctx.clock, options);
    const wire = {
      messageOf: (call: Call) => this.messageOf(call),
      cancelOf: ({ id }: Call) => format.cancel(id as number),
    };
    this.line = new CallLine(this.table, output, { wire, maxInFlight, changed });
    this.table.add(this.line);
  }

  get inFlight(): number {
    return this.line.load;
  }

  get queued(): number {
    return this.table.queued;
  }

  get lateAnswers(): number {
    return this.line.late;
  }

  get unknownAnswers(): number {
    return this.line.unknown;
  }

  get isBusy(): boolean {
    return this.line.isBusy || this.table.queued > 0;
  }

  request(body: unknown, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted === true) return Promise.reject(requestAborted(signal, false));
    if (this.output.isOver || this.lost !== undefined) return Promise.reject(this.lostError());
    return new Promise((resolve, reject) => {
      this.table.submit(new Call(body, timeoutMs, resolve, reject), signal);
    });
  }

  notify(body: unknown): WriteFuture {
    const { output, table } = this;
    const { ctx } = output;
    // Waits only behind others, or for the connection: then it needs a future of its own.
    if (table.queued === 0 && (output.isOpen || output.isOver)) return this.writeNotice(body);
    const notice = new SettableFuture();
    const failed = (error: Error): void => {
      if (call.mayHaveLeft) notice.handOver();
      notice.fail(error);
      ctx.reportFailure(notice, error);
    };
    const call = new Call(body, Number.POSITIVE_INFINITY, () => notice.succeed(), failed, false);
    table.submit(call);
    return notice;
  }

  /** There is room again, or the channel is connected, or writable. */
  sendQueued(): void {
    this.table.sendQueued();
  }

  answered(id: unknown, result: unknown): void {
    const call = this.line.answered(id);
    if (call !== undefined) this.table.completed(call, result);
  }

  refused(id: unknown, code: number, text: string, data: unknown): void {
    const call = this.line.answered(id);
    if (call !== undefined) this.table.fail(call, refusedByPeer(code, text, data));
  }

  /** No answer can come any more: all calls fail, and all later ones. */
  lose(why: string, cause?: unknown): void {
    if (this.lost !== undefined) return;
    this.lost = { why, cause };
    this.line.lose(why, cause);
    this.loseQueued();
  }

  /** Queued calls cannot be sent any more; those in flight may still be answered. */
  loseQueued(): void {
    this.table.failQueued(() => this.lostError());
  }

  private messageOf(call: Call): unknown {
    const { id, body, deadline, expectsAnswer } = call;
    call.body = undefined;
    if (!expectsAnswer) return this.format.notification(body);
    const isEndless = deadline === Number.POSITIVE_INFINITY;
    const leftMs = isEndless ? deadline : Math.ceil(deadline - this.output.ctx.clock.now());
    return this.format.request(id as number, body, Math.max(1, leftMs));
  }

  private writeNotice(body: unknown): WriteFuture {
    try {
      return this.output.write(this.format.notification(body));
    } catch (thrown) {
      const error = toError(thrown);
      const future = SettableFuture.failed(error);
      this.output.ctx.reportFailure(future, error);
      return future;
    }
  }

  private lostError(): ChannelError {
    const { why = 'the channel takes no more output', cause } = this.lost ?? {};
    return requestLost(why, false, cause);
  }
}
