import type { Context } from '@headrace/core';
import { Call, CallLine, CallOutput, CallTable, requestLost } from '@headrace/handlers/call';
import { EventCall, type SocketIoEvent } from './socket-io-event.ts';

/** Limits of the events whose answers are missing. */
export interface AckLimits {
  /** Maximum number of events of one client without an answer, and of further ones that wait. */
  readonly maxUnanswered: number;
}

/** The events of one channel that the client must answer, with their deadlines. */
export class Acks {
  private readonly output: CallOutput;
  private readonly table: CallTable;
  private readonly line: CallLine;

  constructor(ctx: Context, { maxUnanswered }: AckLimits) {
    this.output = new CallOutput(ctx);
    this.table = new CallTable(ctx.clock, {
      maxQueued: maxUnanswered,
      queueOption: 'maxUnanswered',
    });
    const wire = {
      messageOf: ({ body, id }: Call) => new EventCall(body as SocketIoEvent, id as number),
      cancelOf: () => undefined,
    };
    const { table, output } = this;
    const options = { wire, maxInFlight: maxUnanswered, maxId: MAX_ID, changed: () => {} };
    this.line = new CallLine(table, output, options);
    table.add(this.line);
  }

  /** Sends an event, and resolves with the arguments of its answer. */
  send(
    event: SocketIoEvent,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      const call = new Call(event, timeoutMs, resolve as (answer: unknown) => void, reject);
      this.table.submit(call, signal);
    });
  }

  /** Sends waiting events. Called when the channel is writable. */
  sendOn(): void {
    this.table.sendQueued();
  }

  /** Called with the answer to an event. An answer that is late or unknown has no effect. */
  answered(id: number, args: readonly unknown[]): void {
    const call = this.line.answered(id);
    if (call !== undefined) this.table.completed(call, args);
  }

  /** Fails the calls, because their channel has closed. */
  end(reason: string, cause: Error | undefined): void {
    this.line.lose(reason, cause);
    this.table.failQueued(() => requestLost(reason, false, cause));
  }
}

/** Highest id. All clients read such numbers exactly. */
const MAX_ID = 2 ** 31 - 1;
