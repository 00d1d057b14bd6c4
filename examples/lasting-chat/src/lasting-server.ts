// The chat room: a line of one member is heard by all others. It knows lasting channels only, so nobody leaves
// when a connection is cut. Channels are kept for members: a stranger's ends with its connection.
import { StringCodec } from '@headrace/codec';
import {
  ChannelGroup,
  type Context,
  type Handler,
  type Logger,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { AuthHandler, GuessLimiter, secretsEqual } from '@headrace/handlers';
import {
  type LastingChannel,
  LinkLostEvent,
  LinkResumedEvent,
  ResumeHandler,
  ResumeTable,
} from '@headrace/lasting';
import { answering, framing } from './link.ts';
import { readSignIn, refusal, welcome } from './sign-in.ts';

export interface LastingServerOptions {
  readonly port: number;
  readonly host?: string;
  /** Of the room: all members have the same. */
  readonly password: string;
  readonly table?: ResumeTable;
  readonly logger?: Logger;
  /** Gets what happens, as lines. */
  readonly note?: (line: string) => void;
}

export function startServer(options: LastingServerOptions): Promise<Server> {
  const { port, host = '127.0.0.1', password, table = new ResumeTable(), logger, note } = options;
  const room = new ChannelGroup('room');
  const authenticate = new GuessLimiter().protect(
    (line: string) => {
      const given = readSignIn(line);
      return given !== undefined && secretsEqual(given.password, password)
        ? { principal: given.name }
        : { refused: 'wrong password' };
    },
    (line) => readSignIn(line)?.name,
  );
  const childHandler = (channel: LastingChannel) =>
    channel.pipeline.addLast(
      new StringCodec(),
      new AuthHandler<string>({
        authenticate,
        group: room,
        replies: { accepted: welcome, refused: refusal },
      }),
      new Member(room, note ?? (() => {})),
    );
  return new ServerBootstrap()
    .childOptions(logger === undefined ? {} : { logger })
    .childHandler((link) => {
      link.pipeline.addLast(...framing(), answering(), new ResumeHandler({ table, childHandler }));
    })
    .bind({ host, port });
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
