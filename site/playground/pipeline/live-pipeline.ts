// The pipelines of the page `live-pipeline`.

import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import {
  JsonCodec,
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  LineFrameDecoder,
  StringCodec,
} from '@headrace/codec';
import type { Context, Handler } from '@headrace/core';
import { EchoHandler, IdleStateEvent, IdleStateHandler } from '@headrace/handlers';
import { describeText, type LivePipeline, type Step, watched } from './watched.ts';

export interface PreparedInput {
  readonly name: string;
  readonly bytes: string;
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
  const short = describeText(message);
  if (short !== undefined) return short;
  return `${(message as object | null)?.constructor?.name ?? typeof message}  ${inspect(message, { breakLength: Infinity })}`;
}

export type { LivePipeline, Step } from './watched.ts';

export function startPipeline(name: string, record: (step: Step) => void): LivePipeline {
  return watched(RECIPES[name]!.handlers(), record, describe);
}
