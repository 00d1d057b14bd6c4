import type { Context, Handler, Types } from '@headrace/core';
import { DrainGate, ReadGate } from '@headrace/core/authoring';
import type { Room } from './room.ts';

const WHO = 'WHO';

/** Names written in one turn of the event loop: the list of a full room does not make others wait. */
const NAMES_PER_TURN = 256;

/**
 * Answers `WHO` with `MEMBERS:<n>` and n times `MEMBER:<clientId>`, in the order in which they joined. A long
 * list goes out in parts, as fast as the asker reads; its reads are held meanwhile.
 *
 * - **Place** after the AuthHandler: the names are for members only.
 */
export class WhoHandler implements Handler {
  declare readonly types: Types<{ reads: string; passesOn: string; writes: string }>;
  private readonly room: Room;
  /** Lists that are still to be written, the one under way first. */
  private lists: string[][] = [];
  private written = 0;
  private readonly gate = new ReadGate('who');
  private readonly drain = new DrainGate('who', () => this.lists.length > 0);

  constructor(room: Room) {
    this.room = room;
  }

  channelRead(ctx: Context, text: string): void {
    if (text.length !== WHO.length || text.toUpperCase() !== WHO) {
      ctx.fireChannelRead(text);
      return;
    }
    const isBusy = this.lists.length > 0;
    this.lists.push(this.room.people());
    if (!isBusy) this.resume(ctx);
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
    ctx.fireChannelReadComplete();
  }

  /** A list that has begun is completed before the connection ends. */
  userEventTriggered(ctx: Context, event: unknown): void {
    this.drain.see(event);
    ctx.fireUserEventTriggered(event);
  }

  channelInactive(ctx: Context): void {
    this.lists = [];
    ctx.fireChannelInactive();
  }

  private resume(ctx: Context): void {
    for (let left = NAMES_PER_TURN; left > 0 && this.lists.length > 0; left--) {
      if (!ctx.channel.isWritable) ctx.flush();
      if (!ctx.channel.isWritable) break;
      this.writeNext(ctx);
    }
    if (this.lists.length === 0) this.finish(ctx);
    else this.wait(ctx);
  }

  private writeNext(ctx: Context): void {
    const list = this.lists[0]!;
    if (this.written === 0) ctx.write(`MEMBERS:${list.length}`);
    ctx.write(`MEMBER:${list[this.written]}`);
    this.written += 1;
    if (this.written < list.length) return;
    this.lists.shift();
    this.written = 0;
  }

  private wait(ctx: Context): void {
    this.gate.hold(ctx.channel);
    this.drain.update();
    ctx.flush();
    ctx.channel.onceWritable(() => {
      if (ctx.channel.isActive) ctx.clock.schedule(() => this.resume(ctx), 0, true);
    });
  }

  private finish(ctx: Context): void {
    if (!this.gate.isHolding) return;
    ctx.flush();
    this.drain.update();
    this.gate.release();
  }
}
