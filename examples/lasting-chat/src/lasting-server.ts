// The chat room: who sends a line is heard by all others. It knows lasting channels only, so nobody leaves
// when a connection is cut.
import { StringCodec } from '@headrace/codec';
import {
  ChannelGroup,
  type Context,
  type Handler,
  type Logger,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import {
  type LastingChannel,
  LinkLostEvent,
  LinkResumedEvent,
  ResumeHandler,
  ResumeTable,
} from '@headrace/lasting';
import { answering, framing } from './link.ts';

export interface LastingServerOptions {
  readonly port: number;
  readonly host?: string;
  readonly table?: ResumeTable;
  readonly logger?: Logger;
  /** Gets what happens, as lines. */
  readonly note?: (line: string) => void;
}

export function startServer(options: LastingServerOptions): Promise<Server> {
  const { port, host = '127.0.0.1', table = new ResumeTable(), logger, note } = options;
  const room = new ChannelGroup('room');
  const childHandler = (channel: LastingChannel) => {
    room.add(channel);
    return channel.pipeline.addLast(new StringCodec(), new Member(room, note ?? (() => {})));
  };
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
