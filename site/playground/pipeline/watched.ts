// A pipeline of the real classes on a channel without a socket, and what each step of a message did in it.

import { type Context, DecodeError, type Handler, isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';

export interface Step {
  /** Inbound goes from the wire to the application, outbound back. */
  readonly way: 'in' | 'out' | 'event' | 'error';
  /** Between which handlers: 0 is before the first. */
  readonly at: number;
  readonly text: string;
  /** The page of an error. */
  readonly help?: string;
}

export interface LivePipeline {
  readonly handlers: readonly string[];
  readonly isOpen: boolean;
  /** Why it closed. */
  readonly reason: string | undefined;
  /** As a connection would bring them, in one read. */
  send(bytes: Uint8Array): void;
  advance(ms: number): void;
}

const ESCAPES: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 92: '\\\\' };

function bytesText(bytes: Uint8Array): string {
  const parts = Array.from(bytes, (byte) => {
    const escaped = ESCAPES[byte];
    if (escaped !== undefined) return escaped;
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    return isPrintable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return parts.join('');
}

/** Bytes and texts; of other messages nothing. */
export function describeText(message: unknown): string | undefined {
  if (message instanceof Uint8Array) return `${message.length} bytes  ${bytesText(message)}`;
  if (typeof message === 'string') return `text  ${JSON.stringify(message)}`;
  return undefined;
}

function describeError(error: Error): Pick<Step, 'text' | 'help'> {
  const help = (error as { help?: string }).help;
  const code = isHeadraceError(error) ? `${error.code}: ` : '';
  return { text: `${code}${error.message}`, ...(help === undefined ? {} : { help }) };
}

/** Stands between two handlers, and passes everything on. */
class Tap implements Handler {
  private readonly at: number;
  private readonly record: (step: Step) => void;

  private readonly describe: (message: unknown) => string;

  constructor(at: number, record: (step: Step) => void, describe: (message: unknown) => string) {
    this.at = at;
    this.record = record;
    this.describe = describe;
  }

  channelRead(ctx: Context, message: unknown): void {
    this.record({ way: 'in', at: this.at, text: this.describe(message) });
    ctx.fireChannelRead(message);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    this.record({ way: 'event', at: this.at, text: this.describe(event) });
    ctx.fireUserEventTriggered(event);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.record({ way: 'error', at: this.at, ...describeError(error) });
    ctx.fireExceptionCaught(error);
  }

  write(ctx: Context, message: unknown) {
    this.record({ way: 'out', at: this.at, text: this.describe(message) });
    return ctx.write(message);
  }
}

/**
 * @param record - is told of each step
 * @param describe - what a step says of a message or an event
 */
export function watched(
  handlers: readonly Handler[],
  record: (step: Step) => void,
  describe: (message: unknown) => string,
): LivePipeline {
  const tap = (at: number): Tap => new Tap(at, record, describe);
  const between = handlers.flatMap((handler, i) => [handler, tap(i + 1)]);
  const channel = new EmbeddedChannel(tap(0), ...between);
  /** The kit hands over errors that no handler took: the taps have shown them. On a connection they close it. */
  const carefully = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (channel.isOpen) channel.close(error instanceof DecodeError ? 'bad-input' : 'error');
    }
    while (channel.readInbound() !== undefined);
    while (channel.readOutbound() !== undefined);
  };
  return {
    handlers: handlers.map((handler) => handler.constructor.name),
    get isOpen() {
      return channel.isOpen;
    },
    get reason() {
      return channel.closeInfo?.reason;
    },
    send: (bytes) => carefully(() => channel.writeInbound(Buffer.from(bytes))),
    advance: (ms) => carefully(() => channel.advance(ms)),
  };
}
