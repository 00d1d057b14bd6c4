import { LengthFieldPrepender } from '@headrace/codec';
import type { Context, Handler, Types, WriteFuture } from '@headrace/core';
import { encodeOnce, toBuffer } from '@headrace/core/authoring';
import { Announcement } from '../room/announcement.ts';

/**
 * Makes frames of the texts of an {@link Announcement}, all in one Buffer for the whole room; texts pass.
 *
 * - **Place** after the codecs of frames and texts, which the frames skip: they are written before the prepender.
 */
export class AnnouncementFramesHandler implements Handler {
  declare readonly types: Types<{ accepts: string | Announcement; writes: string }>;
  readonly sharable = true;

  write(ctx: Context, message: string | Announcement): WriteFuture {
    if (!(message instanceof Announcement)) return ctx.write(message);
    const { pipeline } = ctx;
    const frames = encodeOnce('announcement-frames', message, ({ texts }) => {
      const prepender = pipeline.get(LengthFieldPrepender)!;
      return Buffer.concat(texts.map((text) => toBuffer(prepender.prepend(Buffer.from(text)))));
    });
    return pipeline.context(LengthFieldPrepender)!.write(frames);
  }
}
