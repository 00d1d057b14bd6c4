import type { Context, Handler, OutboundBytes, Types, WriteFuture } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';
import { Announcement } from '../room/announcement.ts';

const LENGTH_BYTES = 4;

/** Makes frames of the texts of an {@link Announcement}, all in one Buffer for the whole room; frames pass. */
export class AnnouncementFramesHandler implements Handler {
  declare readonly types: Types<{ accepts: OutboundBytes | Announcement; writes: OutboundBytes }>;
  readonly sharable = true;

  write(ctx: Context, message: OutboundBytes | Announcement): WriteFuture {
    if (!(message instanceof Announcement)) return ctx.write(message);
    return ctx.write(encodeOnce('announcement-frames', message, framesOf));
  }
}

function framesOf({ texts }: Announcement): Buffer {
  const parts = texts.flatMap((text) => {
    const body = Buffer.from(text);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(body.length);
    return [length, body];
  });
  return Buffer.concat(parts);
}
