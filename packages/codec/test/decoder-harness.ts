import { inspect } from 'node:util';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';

export function textOf(message: unknown): string {
  if (message instanceof Uint8Array) return Buffer.from(message).toString('latin1');
  return typeof message === 'object' ? inspect(message, { depth: null }) : String(message);
}

/** A channel that notes in order what passes its last handler: texts of messages, codes of errors. */
export class NotingChannel extends EmbeddedChannel {
  declare log: string[];
  declare errorList: Error[];

  note(entry: string): void {
    this.log ??= [];
    this.log.push(entry);
  }

  /** What was noted since the last call. */
  noted(): string[] {
    const { log = [] } = this;
    this.log = [];
    return log;
  }

  /** The errors that reached the tail. */
  get errors(): readonly Error[] {
    return this.errorList ?? [];
  }

  /** One read. */
  feed(chunk: string | Uint8Array): this {
    this.writeInbound(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk);
    return this;
  }

  protected override handleInboundMessage(message: unknown): void {
    this.note(textOf(message));
  }

  protected override handleException(error: Error): void {
    this.errorList ??= [];
    this.errorList.push(error);
    this.note(`!${(error as { code?: string }).code ?? error.message}`);
  }
}

/** What comes out of a handler for these reads, the close included. */
export function outcome(handler: Handler, ...chunks: readonly (string | Uint8Array)[]): string[] {
  const channel = new NotingChannel(handler);
  for (const chunk of chunks) if (channel.isOpen) channel.feed(chunk);
  channel.finish();
  return channel.noted();
}
