import type { Context, Handler, Types, WriteFuture } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';

/** Line breaks of all kinds, and other characters that could move the cursor of a terminal or change its colors. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * Writes each text as one line without control characters. A frame or a WebSocket message may hold line
 * breaks, and a client of lines would take the rest for further messages, a forged `MSG:` for example; an escape
 * sequence would reach the terminal of a person with `nc`.
 */
export class OneLineHandler implements Handler {
  declare readonly types: Types<{ accepts: string; writes: string }>;
  readonly sharable = true;

  write(ctx: Context, text: string): WriteFuture {
    return ctx.write(encodeOnce('one-line', text, (all) => all.replace(CONTROLS, ' ')));
  }
}
