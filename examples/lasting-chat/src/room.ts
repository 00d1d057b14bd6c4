// The chat room: a line of one member is heard by all others. It knows lasting channels only, so nobody leaves
// when a connection is cut. Channels are kept for members: a stranger's ends with its connection.
import { StringCodec } from '@headrace/codec';
import { ChannelGroup, type Context, type Handler } from '@headrace/core';
import { AuthHandler, GuessLimiter, secretsEqual } from '@headrace/handlers';
import {
  type LastingInitializer,
  LinkLostEvent,
  LinkResumedEvent,
  ResumeTable,
} from '@headrace/lasting';
import { readSignIn, refusal, welcome } from './sign-in.ts';

export interface RoomOptions {
  /** Of the room: all members have the same. */
  readonly password: string;
  readonly table?: ResumeTable;
  /** Gets what happens, as lines. */
  readonly note?: (line: string) => void;
}

/** The part of a link that a room uses: links may be of any kind. */
export interface Room {
  readonly table: ResumeTable;
  readonly childHandler: LastingInitializer;
}

export function openRoom({ password, table = new ResumeTable(), note }: RoomOptions): Room {
  const members = new ChannelGroup('room');
  const authenticate = new GuessLimiter().protect(
    (line: string) => {
      const given = readSignIn(line);
      return given !== undefined && secretsEqual(given.password, password)
        ? { principal: given.name }
        : { refused: 'wrong password' };
    },
    (line) => readSignIn(line)?.name,
  );
  return {
    table,
    childHandler: (channel) =>
      channel.pipeline.addLast(
        new StringCodec(),
        new AuthHandler({
          authenticate,
          group: members,
          replies: { accepted: welcome, refused: refusal },
        }),
        new Member(members, note ?? (() => {})),
      ),
  };
}

class Member implements Handler {
  private readonly room: ChannelGroup;
  private readonly note: (line: string) => void;

  constructor(room: ChannelGroup, note: (line: string) => void) {
    this.room = room;
    this.note = note;
  }

  channelRead(ctx: Context, line: string): void {
    this.room.writeAndFlush(line, (member) => member !== ctx.channel);
    ctx.writeAndFlush(`heard: ${line}`);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof LinkLostEvent) this.note(`${ctx.channel.id} has no link`);
    if (event instanceof LinkResumedEvent) {
      const { awayMs, resent } = event;
      this.note(`${ctx.channel.id} is back after ${Math.round(awayMs)} ms, ${resent} sent again`);
    }
    ctx.fireUserEventTriggered(event);
  }
}
