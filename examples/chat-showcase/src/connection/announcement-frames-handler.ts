import type { LengthFieldPrepender } from '@headrace/codec';
import type { Context, Handler, OutboundBytes, Types, WriteFuture } from '@headrace/core';
import { encodeOnce, toBuffer } from '@headrace/core/authoring';
import { Announcement } from '../room/announcement.ts';

/** Makes frames of the texts of an {@link Announcement}, all in one Buffer for the whole room; frames pass. */
export class AnnouncementFramesHandler implements Handler {
  declare readonly types: Types<{ accepts: OutboundBytes | Announcement; writes: OutboundBytes }>;
  readonly sharable = true;
  private readonly prepender: LengthFieldPrepender;

  constructor(prepender: LengthFieldPrepender) {
    this.prepender = prepender;
  }

  write(ctx: Context, message: OutboundBytes | Announcement): WriteFuture {
    if (!(message instanceof Announcement)) return ctx.write(message);
    return ctx.write(encodeOnce('announcement-frames', message, (one) => this.framesOf(one)));
  }

  private framesOf({ texts }: Announcement): Buffer {
    const frames = texts.map((text) => toBuffer(this.prepender.prepend(Buffer.from(text))));
    return Buffer.concat(frames);
  }
}
