import type { Context, Handler, Types } from '@headrace/core';

/** Cuts the white space around each text off, and drops empty ones. */
export class TrimHandler implements Handler {
  declare readonly types: Types<{ reads: string; passesOn: string }>;
  readonly sharable = true;

  channelRead(ctx: Context, text: string): void {
    const trimmed = text.trim();
    if (trimmed !== '') ctx.fireChannelRead(trimmed);
  }
}
