// What is the same for all: texts in, texts out, wherever they come from.
import { type Context, DrainEvent, type Group, type Handler, type Types } from '@headrace/core';

/** Sends each text to all members of the room, and a welcome to who joins. */
export class RoomHandler implements Handler {
  declare readonly types: Types<{ reads: string; passesOn: never; writes: string }>;
  private readonly members: Group;
  private readonly way: string;

  /** @param way - how this member is connected */
  constructor(members: Group, way: string) {
    this.members = members;
    this.way = way;
  }

  /** A WebSocket is not open yet, a TCP connection is: what is written here arrives over both. */
  handlerAdded(ctx: Context<RoomHandler['types']>): void {
    this.members.add(ctx.channel);
    ctx.writeAndFlush(`welcome by ${this.way}`);
  }

  channelRead(_ctx: Context<RoomHandler['types']>, text: string): void {
    if (text.trim() !== '') this.members.writeAndFlush(`${this.way}: ${text.trim()}`);
  }

  userEventTriggered(ctx: Context<RoomHandler['types']>, event: unknown): void {
    if (event instanceof DrainEvent) event.lastWord(() => ctx.writeAndFlush('bye'));
    ctx.fireUserEventTriggered(event);
  }
}
