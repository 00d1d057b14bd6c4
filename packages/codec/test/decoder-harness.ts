import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';

/** A channel that notes in order what passes its last handler: texts of messages, codes of errors. */
export class NotingChannel extends EmbeddedChannel {
  declare log: string[];

  private note(entry: string): void {
    this.log ??= [];
    this.log.push(entry);
  }

  /** What was noted since the last call. */
  noted(): string[] {
    const { log = [] } = this;
    this.log = [];
    return log;
  }

  /** One read. */
  feed(chunk: string | Uint8Array): this {
    this.writeInbound(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk);
    return this;
  }

  protected override handleInboundMessage(message: unknown): void {
    this.note(
      message instanceof Uint8Array ? Buffer.from(message).toString('latin1') : String(message),
    );
  }

  override unhandledException(error: Error): void {
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
