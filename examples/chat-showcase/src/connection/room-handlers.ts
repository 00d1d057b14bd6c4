// Handlers that take the place of the core's: the room has a log of bad peers, and a history.
import { type Context, DecodeError, type Handler } from '@headrace/core';
import { AuthFailedEvent, BroadcastHandler } from '@headrace/handlers';
import { type DependencyContainer, inject, injectable } from '@headrace/inject';
import {
  ChatBroadcastHandler,
  idOf,
  LastWordsHandler,
  messageOf,
} from 'headrace-example-broadcast-chat';
import { PeerLog } from '../room/peer-log.ts';
import { Room } from '../room/room.ts';

/** Also keeps the error for the log. */
@injectable()
export class RoomLastWordsHandler extends LastWordsHandler {
  private readonly log: PeerLog;

  constructor(@inject(PeerLog) log: PeerLog) {
    super();
    this.log = log;
  }

  override exceptionCaught(ctx: Context, error: Error): void {
    if (error instanceof DecodeError) this.log.blame(ctx.channel, error);
    super.exceptionCaught(ctx, error);
  }
}

/** Sends texts to the room's group for messages, after the announcement that their sender joined. */
@injectable()
export class RoomBroadcastHandler extends BroadcastHandler<string, string> {
  constructor(@inject(Room) room: Room) {
    super(room.talk, {
      format: (text, sender) => {
        const id = idOf(sender);
        room.introduce(sender);
        room.said(id, text);
        return messageOf(id, text);
      },
      passOn: false,
    });
  }
}

/** At the tail: keeps for the log the reason why a sign-in failed. */
@injectable()
export class BlameHandler implements Handler {
  private readonly log: PeerLog;

  constructor(@inject(PeerLog) log: PeerLog) {
    this.log = log;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof AuthFailedEvent && !event.stays) this.log.blame(ctx.channel, event.error);
    ctx.fireUserEventTriggered(event);
  }
}

/** Registers them for the core's classes. */
export function replaceHandlers(container: DependencyContainer): void {
  container
    .register(LastWordsHandler, { useClass: RoomLastWordsHandler })
    .register<BroadcastHandler<string, string>>(ChatBroadcastHandler, {
      useClass: RoomBroadcastHandler,
    });
}
