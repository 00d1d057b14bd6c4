import { Buffer } from 'node:buffer';
import { StringCodec } from '@headrace/codec';
import type { Context, Handler, Types, WriteFuture } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';
import { Announcement } from '../room/announcement.ts';

/** Line breaks of all kinds, and other characters that could move the cursor of a terminal or change its colors. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * Writes each text as one line without control characters. A frame or a WebSocket message may hold line
 * breaks, and a client of lines would take the rest for further messages, a forged `MSG:` for example; an escape
 * sequence would reach the terminal of a person with `nc`. An {@link Announcement} is a line for each text, all in one
 * Buffer for the whole room, written before the codec of texts.
 */
export class OneLineHandler implements Handler {
  declare readonly types: Types<{ accepts: string | Announcement; writes: string }>;
  readonly sharable = true;

  write(ctx: Context, message: string | Announcement): WriteFuture {
    if (typeof message === 'string') return ctx.write(encodeOnce('one-line', message, oneLine));
    return ctx.pipeline.context(StringCodec)!.write(encodeOnce('lines', message, linesOf));
  }
}

function oneLine(text: string): string {
  return text.replace(CONTROLS, ' ');
}

function linesOf({ texts }: Announcement): Buffer {
  return Buffer.from(texts.map((text) => `${oneLine(text)}\n`).join(''));
}
