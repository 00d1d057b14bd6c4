import type { Context, Handler, Types, WriteFuture } from '@headrace/core';
import { DrainGate, encodeOnce } from '@headrace/core/authoring';
import { idOf, type Room } from 'headrace-example-chat-showcase';
import type { ClusterGround } from './cluster-ground.ts';
import { KeptMessage } from './kept-message.ts';

type Position = KeptMessage['position'];

/** `SINCE:<epoch>:<offset>`; `SINCE:` from who has no position yet. An epoch has no colon. */
const SINCE = /^SINCE:(?:([^:]*):(\d{1,15}))?$/;
/** Of one member, on their way into the log. */
const MAX_UNDER_WAY = 64;

/**
 * Answers `SINCE:<epoch>:<offset>`: what came after that position, and from then on each message with its own,
 * `AT:<epoch>:<offset>` before it. A member who tells the last one when it comes back, on whichever node, misses
 * nothing and hears nothing twice. Its own messages come back as `ECHO:` once they are kept: what was not echoed may be
 * said again.
 *
 * - **Place** after the AuthHandler, before the handlers of messages.
 */
export class PositionsHandler implements Handler {
  declare readonly types: Types<{
    reads: string;
    passesOn: string;
    accepts: string | KeptMessage;
    writes: string;
  }>;
  private readonly ground: ClusterGround;
  private readonly room: Room;
  private isOn = false;
  private underWay = 0;
  private readonly drain = new DrainGate('positions', () => this.underWay > 0);

  constructor(ground: ClusterGround, room: Room) {
    this.ground = ground;
    this.room = room;
  }

  channelRead(ctx: Context, text: string): void {
    if (text.startsWith('SINCE:')) this.since(ctx, text);
    else if (this.isOn) this.say(ctx, text);
    else ctx.fireChannelRead(text);
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
    ctx.fireChannelReadComplete();
  }

  /** Accepted messages are stored, and their echoes sent, before the connection ends. */
  userEventTriggered(ctx: Context, event: unknown): void {
    this.drain.see(event);
    ctx.fireUserEventTriggered(event);
  }

  write(ctx: Context, message: string | KeptMessage): WriteFuture {
    if (!(message instanceof KeptMessage)) return ctx.write(message);
    ctx.write(encodeOnce('at', message, ({ position }) => atText(position)));
    if (message.id === idOf(ctx.channel)) return ctx.write(`ECHO:${message.text}`);
    return ctx.write(encodeOnce('kept', message, ({ id, text }) => `MSG:${id}:${text}`));
  }

  private since(ctx: Context, text: string): void {
    const [isKnown, epoch, offset] = SINCE.exec(text) ?? [];
    if (isKnown === undefined) ctx.write('ERR:BAD_SINCE');
    else if (this.isOn) ctx.write('ERR:ALREADY_SINCE');
    else void this.turnOn(ctx, epoch ? { epoch, offset: Number(offset) } : undefined);
  }

  private async turnOn(ctx: Context, position: Position | undefined): Promise<void> {
    const { talk, kept } = this.ground;
    const { channel } = ctx;
    const hold = channel.holdReads('positions');
    this.isOn = true;
    talk.remove(channel);
    try {
      await kept.history.join(channel, position, {
        answer({ recovered, position: now }) {
          if (recovered) return undefined;
          if (position !== undefined) ctx.write('ERR:SINCE_GONE');
          return atText(now);
        },
      });
    } catch {
      this.isOn = false;
      if (channel.isActive && !channel.isEnding) {
        talk.add(channel);
        ctx.writeAndFlush('ERR:BUS_DOWN');
      }
    }
    hold.release();
  }

  private say(ctx: Context, text: string): void {
    const { talk, kept } = this.ground;
    const id = idOf(ctx.channel);
    this.room.introduce(ctx.channel);
    talk.writeAndFlush(`MSG:${id}:${text}`);
    this.underWay += 1;
    this.drain.update();
    const hold = this.underWay > MAX_UNDER_WAY ? ctx.channel.holdReads('positions') : undefined;
    const over = (): void => {
      this.underWay -= 1;
      hold?.release();
      this.drain.update();
    };
    const outcome = kept.write({ id, text, at: Date.now() });
    outcome.then(
      () => outcome.onceBegun(over),
      () => {
        if (ctx.channel.isActive) ctx.writeAndFlush(`ERR:NOT_KEPT:${text}`);
        over();
      },
    );
  }
}

function atText({ epoch, offset }: Position): string {
  return `AT:${epoch}:${offset}`;
}
