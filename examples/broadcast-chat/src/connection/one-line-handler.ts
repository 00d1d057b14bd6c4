import {
  type Context,
  encodeOnce,
  type Handler,
  type Types,
  type WriteFuture,
} from '@headrace/core';

const BREAKS = /[\r\n]+/g;

/**
 * Writes each text as one line: a frame or a WebSocket message may hold line breaks, and whoever speaks
 * lines would take the rest for messages of its own, `MSG:` of somebody else, say.
 */
export class OneLineHandler implements Handler {
  declare readonly types: Types<{ accepts: string; writes: string }>;
  readonly sharable = true;

  write(ctx: Context, text: string): WriteFuture {
    return ctx.write(encodeOnce('one-line', text, oneLine));
  }
}

function oneLine(text: string): string {
  return text.replace(BREAKS, ' ');
}
