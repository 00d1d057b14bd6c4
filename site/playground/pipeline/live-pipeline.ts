// A pipeline of the real classes on a channel without a socket, and what each step of a message did in it: the page
// `live-pipeline` shows the steps.

import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import {
  JsonCodec,
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  LineFrameDecoder,
  StringCodec,
} from '@headrace/codec';
import { type Context, DecodeError, type Handler, isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { EchoHandler, IdleStateEvent, IdleStateHandler } from '@headrace/handlers';

export interface Step {
  /** Inbound goes from the wire to the application, outbound back. */
  readonly way: 'in' | 'out' | 'event' | 'error';
  /** Between which handlers: 0 is before the first. */
  readonly at: number;
  readonly text: string;
  /** The page of an error. */
  readonly help?: string;
}

export interface PreparedInput {
  readonly name: string;
  readonly bytes: string;
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

interface Recipe {
  readonly title: string;
  readonly inputs: readonly PreparedInput[];
  handlers(): Handler[];
}

const upperCase: Handler = {
  channelRead: (ctx: Context, text: unknown) => ctx.writeAndFlush(String(text).toUpperCase()),
};

class Shouts implements Handler {
  readonly channelRead = upperCase.channelRead!;
}

class ClosesTheIdle implements Handler {
  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof IdleStateEvent) ctx.close('idle');
    else ctx.fireUserEventTriggered(event);
  }
}

export const RECIPES: Readonly<Record<string, Recipe>> = {
  lines: {
    title: 'Lines of text',
    inputs: [
      { name: 'a line', bytes: 'hello\\n' },
      { name: 'half a line', bytes: 'hel' },
      { name: 'two lines in one read', bytes: 'one\\r\\ntwo\\n' },
      { name: 'too long', bytes: 'this line has more than twenty bytes\\n' },
      { name: 'not UTF-8', bytes: '\\xff\\xfe\\n' },
    ],
    handlers: () => [new LineFrameDecoder({ maxLength: 20 }), new StringCodec(), new Shouts()],
  },
  lengths: {
    title: 'A length before each frame',
    inputs: [
      { name: 'a frame', bytes: '\\x00\\x05hello' },
      { name: 'half a frame', bytes: '\\x00\\x05hel' },
      { name: 'two frames in one read', bytes: '\\x00\\x02hi\\x00\\x03you' },
      { name: 'too long', bytes: '\\x7f\\xff' },
      { name: 'another protocol', bytes: 'GET / HTTP/1.1\\r\\n' },
    ],
    handlers: () => [
      new LengthFieldFrameDecoder({
        maxFrameLength: 1024,
        lengthFieldLength: 2,
        initialBytesToStrip: 2,
      }),
      new LengthFieldPrepender({ lengthFieldLength: 2 }),
      new StringCodec(),
      new EchoHandler(),
    ],
  },
  json: {
    title: 'JSON in lines',
    inputs: [
      { name: 'an object', bytes: '{"id":1,"text":"hello"}\\n' },
      { name: 'half of it', bytes: '{"id":1,' },
      { name: 'two in one read', bytes: '{"id":1}\\n{"id":2}\\n' },
      { name: 'not JSON', bytes: 'hello\\n' },
      { name: 'a forged prototype', bytes: '{"__proto__":{"admin":true}}\\n' },
    ],
    handlers: () => [new LineFrameDecoder({ maxLength: 200 }), new JsonCodec(), new EchoHandler()],
  },
  idle: {
    title: 'Lines, and thirty seconds of patience',
    inputs: [
      { name: 'a line', bytes: 'still here\\n' },
      { name: 'half a line', bytes: 'still' },
    ],
    handlers: () => [
      new IdleStateHandler({ readerIdleMs: 30_000 }),
      new ClosesTheIdle(),
      new LineFrameDecoder({ maxLength: 80 }),
      new StringCodec(),
      new EchoHandler(),
    ],
  },
};

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

/** Text with `\n`, `\r`, `\t`, `\\` and `\xNN` as bytes; the rest is UTF-8. */
export function parseBytes(text: string): Uint8Array {
  const parts = text.split(/(\\x[0-9a-f]{2}|\\[nrt\\])/i).map((part) => {
    if (/^\\x/i.test(part)) return Buffer.from([Number.parseInt(part.slice(2), 16)]);
    const plain = { '\\n': '\n', '\\r': '\r', '\\t': '\t', '\\\\': '\\' }[part] ?? part;
    return Buffer.from(plain);
  });
  return Buffer.concat(parts);
}

function describe(message: unknown): string {
  if (message instanceof Uint8Array) return `${message.length} bytes  ${bytesText(message)}`;
  if (typeof message === 'string') return `text  ${JSON.stringify(message)}`;
  return `${(message as object | null)?.constructor?.name ?? typeof message}  ${inspect(message)}`;
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

  constructor(at: number, record: (step: Step) => void) {
    this.at = at;
    this.record = record;
  }

  channelRead(ctx: Context, message: unknown): void {
    this.record({ way: 'in', at: this.at, text: describe(message) });
    ctx.fireChannelRead(message);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    const name = (event as object).constructor.name;
    this.record({
      way: 'event',
      at: this.at,
      text: `${name}  ${inspect(event, { breakLength: Infinity })}`,
    });
    ctx.fireUserEventTriggered(event);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.record({ way: 'error', at: this.at, ...describeError(error) });
    ctx.fireExceptionCaught(error);
  }

  write(ctx: Context, message: unknown) {
    this.record({ way: 'out', at: this.at, text: describe(message) });
    return ctx.write(message);
  }
}

export function startPipeline(name: string, record: (step: Step) => void): LivePipeline {
  const handlers = RECIPES[name]!.handlers();
  const between = handlers.flatMap((handler, i) => [handler, new Tap(i + 1, record)]);
  const channel = new EmbeddedChannel(new Tap(0, record), ...between);
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
