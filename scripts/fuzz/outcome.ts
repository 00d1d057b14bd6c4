import {
  type Attributes,
  type Channel,
  type Context,
  DecodeError,
  type Handler,
  type HeadraceError,
  silentLogger,
  type Timer,
} from '@headrace/core';

/** A fault of a decoder, found by fuzzing. */
export class Finding extends Error {}

const PEER = { host: '127.0.0.1', port: 1, family: 'IPv4' } as const;

/**
 * As much of a channel, a pipeline and a context as decoders use: a real channel for each of millions of
 * inputs would cost more than the decoding. Notes what comes out as one text.
 */
class FuzzContext {
  text = '';
  isOpen = true;
  isActive = true;
  isRemoved = false;
  autoRead = true;
  fault: Error | undefined = undefined;
  readonly name = 'decoder';
  readonly logger = silentLogger;
  readonly remoteAddress = PEER;
  readonly localAddress = PEER;
  readonly handler: Handler;
  private readonly separator: string;
  private tasks: (() => void)[] | undefined = undefined;
  private kept: Map<unknown, unknown> | undefined = undefined;

  constructor(handler: Handler, separator: string) {
    this.handler = handler;
    this.separator = separator;
  }

  get channel(): this {
    return this;
  }

  get pipeline(): this {
    return this;
  }

  get clock(): this {
    return this;
  }

  get attributes(): Attributes {
    this.kept ??= new Map();
    return this.kept as unknown as Attributes;
  }

  fireChannelRead(message: unknown): void {
    this.text += show(message) + this.separator;
  }

  fireExceptionCaught(error: Error): void {
    this.text += `!${(error as HeadraceError).code ?? error.name};`;
    const isAboutInput = error instanceof DecodeError && error.code !== 'HR_ERR_DECODER_FAILED';
    if (!isAboutInput) this.fault ??= error;
  }

  fireUserEventTriggered(event: object): void {
    this.text += `${event.constructor.name}${show(event)};`;
  }

  fireChannelReadComplete(): void {}
  fireChannelActive(): void {}
  fireChannelInactive(): void {}
  read(): void {}
  checkTurn(): void {}

  end(): void {
    this.isOpen = false;
  }

  close(): void {
    this.isOpen = false;
  }

  remove(): void {
    this.isRemoved = true;
    this.handler.handlerRemoved?.(this as unknown as Context);
  }

  removeIfExists(): void {
    if (!this.isRemoved) this.remove();
  }

  now(): number {
    return 0;
  }

  /** Only short delays are waited for: what comes later is a deadline. */
  schedule(task: () => void, delayMs: number): Timer {
    if (delayMs <= 1) this.execute(task);
    return { cancel() {} };
  }

  execute(task: () => void): void {
    this.tasks ??= [];
    this.tasks.push(task);
  }

  runTasks(): void {
    while (this.tasks !== undefined) {
      const { tasks } = this;
      this.tasks = undefined;
      for (const task of tasks) task();
    }
  }
}

function show(message: unknown): string {
  if (typeof message === 'string') return message;
  if (Buffer.isBuffer(message)) return message.toString('latin1');
  return (
    JSON.stringify(message, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value)) ??
    String(message)
  );
}

/** Messages and errors in order, for these reads and the end of the input. */
export function outcomeOf(handler: Handler, chunks: readonly Buffer[], isStream = false): string {
  const fuzzed = new FuzzContext(handler, isStream ? '' : ';');
  const ctx = fuzzed as unknown as Context & Channel;
  try {
    handler.handlerAdded?.(ctx);
    for (const chunk of chunks) {
      if (!fuzzed.isOpen) break;
      if (fuzzed.isRemoved) fuzzed.fireChannelRead(chunk);
      else {
        handler.channelRead!(ctx, chunk);
        handler.channelReadComplete?.(ctx);
        fuzzed.runTasks();
      }
    }
    if (!fuzzed.isRemoved) handler.channelInactive?.(ctx);
  } catch (thrown) {
    throw new Finding(`threw past the pipeline: ${String(thrown)}`, { cause: thrown });
  }
  if (fuzzed.fault !== undefined) {
    const text = `an error that is not about the input: ${fuzzed.fault}`;
    throw new Finding(text, { cause: fuzzed.fault });
  }
  return fuzzed.text;
}
