import type { Context, Handler, PassThrough, Types } from '@headrace/core';

/** Cuts the white space around each text off, and drops empty ones. */
export class TrimHandler implements Handler {
  declare readonly types: Types<string, string, PassThrough, never>;
  readonly sharable = true;

  channelRead(ctx: Context, text: string): void {
    const trimmed = text.trim();
    if (trimmed !== '') ctx.fireChannelRead(trimmed);
  }
}
