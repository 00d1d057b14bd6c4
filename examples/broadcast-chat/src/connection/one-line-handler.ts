import type { Context, Handler, Types, WriteFuture } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';

/** Line breaks of all kinds, and what else could move the cursor of a terminal or change its colours. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * Writes each text as one line without control characters. A frame or a WebSocket message may hold line
 * breaks, and whoever speaks lines would take the rest for messages of its own, `MSG:` of somebody else, say;
 * an escape sequence would reach the terminal of whoever uses `nc`.
 */
export class OneLineHandler implements Handler {
  declare readonly types: Types<{ accepts: string; writes: string }>;
  readonly sharable = true;

  write(ctx: Context, text: string): WriteFuture {
    return ctx.write(encodeOnce('one-line', text, oneLine));
  }
}

function oneLine(text: string): string {
  return text.replace(CONTROLS, ' ');
}
