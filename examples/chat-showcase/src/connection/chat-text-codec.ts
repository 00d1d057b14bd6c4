import type { Context, WriteFuture } from '@headrace/core';
import { writeTogether } from '@headrace/core/authoring';
import { WebSocketTextCodec } from '@headrace/websocket';
import { Announcement } from '../room/announcement.ts';

/** Also writes the texts of an {@link Announcement}, each as a message. */
export class ChatTextCodec extends WebSocketTextCodec {
  override write(
    ctx: Context<WebSocketTextCodec['types']>,
    message: string | Announcement,
  ): WriteFuture {
    if (!(message instanceof Announcement)) return super.write(ctx, message);
    return writeTogether(ctx, message.textMessages);
  }
}
