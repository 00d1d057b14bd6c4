import { unpinned } from '../bytes/pinned-memory.ts';
import type { Context, Direction, Handler } from '../contract.ts';
import { PipelineError } from '../errors.ts';
import { ReadGate } from '../hold/read-gate.ts';

/** Number of waiting messages at which reading stops. Below LOW, reading continues. */
const HIGH = 10;
const LOW = 2;

interface Waiter {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: Error): void;
}

/**
 * The tail of a pipeline as an asynchronous iterator: `for await (const message of channel)`. The loop receives the
 * messages in order, an error after the earlier messages, and then the end. The stream holds reads while enough
 * messages wait.
 *
 * If the loop is left early, the channel closes and drops the unread messages.
 */
// biome-ignore lint/suspicious/noExplicitAny: the channel knows the type of its messages
export class MessageStream implements Handler, AsyncIterableIterator<any> {
  private readonly messages: unknown[] = [];
  private waiter: Waiter | undefined = undefined;
  private ctx: Context | undefined = undefined;
  private error: Error | undefined = undefined;
  private isOver: boolean;
  private isTaken = false;
  private readonly gate = new ReadGate('for await');
  /** Whether messages are dropped, after an error or after the loop was left. */
  private isDropping = false;

  private readonly fail: (error: Error) => void;

  /**
   * @param isOpen - whether the channel is open; if not, the iteration has ended
   * @param fail - callback that closes the channel because of an error
   */
  constructor(isOpen: boolean, fail: (error: Error) => void) {
    this.isOver = !isOpen;
    this.fail = fail;
  }

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
  }

  channelRead(_ctx: Context, message: unknown): void {
    const { waiter } = this;
    if (this.isDropping) return;
    if (waiter === undefined) {
      // Messages after the first can wait for a long time.
      this.messages.push(this.messages.length > 0 ? unpinned(message) : message);
      if (this.messages.length >= HIGH && !this.isOver) this.gate.hold(this.ctx!.channel);
    } else {
      this.waiter = undefined;
      waiter.resolve({ done: false, value: message });
    }
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    if (!this.isDropping) this.error = error;
    this.isDropping = true;
    this.finish();
    this.fail(error);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.finish();
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.finish();
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.finish();
  }

  [Symbol.asyncIterator](): this {
    if (this.isTaken) {
      throw new PipelineError(
        'PIPELINE_STATE',
        'the messages of a channel can be iterated once, by one loop; fan out after it',
      );
    }
    this.isTaken = true;
    return this;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  next(): Promise<IteratorResult<any>> {
    if (this.messages.length > 0) {
      const value = this.messages.shift();
      if (this.messages.length < LOW) this.gate.release();
      return Promise.resolve({ done: false, value });
    }
    if (this.error !== undefined) {
      const { error } = this;
      this.error = undefined;
      return Promise.reject(error);
    }
    if (this.isOver) return Promise.resolve({ done: true, value: undefined });
    if (this.waiter !== undefined) {
      return Promise.reject(
        new PipelineError('PIPELINE_STATE', 'next() was called during another next()'),
      );
    }
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
      // With auto-read off, the loop requests each read.
      if (this.ctx?.channel.autoRead === false) this.ctx.read();
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async return(): Promise<IteratorResult<any>> {
    this.messages.length = 0;
    this.error = undefined;
    this.isOver = true;
    this.isDropping = true;
    this.gate.release();
    await this.ctx?.channel.close();
    return { done: true, value: undefined };
  }

  private finish(): void {
    this.isOver = true;
    this.gate.release();
    const { waiter, error } = this;
    this.waiter = undefined;
    if (waiter === undefined) return;
    this.error = undefined;
    if (error === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(error);
  }
}

/** Returns the error of a loop that begins after messages were dropped. */
export function lateLoopError(): PipelineError {
  return new PipelineError(
    'PIPELINE_STATE',
    'messages were read before the loop began, and are lost; start it in the initializer, ' +
      'right after connect, or with autoRead: false',
  );
}
