// One who talks: a line every so often, numbered. The channel is the same from the first line to the last.
import { fixed } from '@headrace/client';
import { StringCodec } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, type Handler, type Logger } from '@headrace/core';
import { LastingBootstrap, LinkLostEvent, LinkResumedEvent } from '@headrace/lasting';
import { beating, framing } from './link.ts';
import { signIn } from './sign-in.ts';

export interface TalkerOptions {
  readonly name: string;
  readonly password: string;
  /** Where to; the first one that works. */
  readonly ports: readonly number[];
  readonly host?: string;
  readonly everyMs?: number;
  readonly logger?: Logger;
  /** Gets what was heard, and what happens. */
  readonly note: (line: string) => void;
}

export async function startTalker(options: TalkerOptions): Promise<Channel<string, string>> {
  const { name, password, ports, host = '127.0.0.1', everyMs = 200, logger, note } = options;
  const channel = await new LastingBootstrap({
    bootstrap: new Bootstrap()
      .options(logger === undefined ? {} : { logger })
      .handler((link) => link.pipeline.addLast(...framing(), beating())),
    addresses: ports.map((port) => ({ host, port })),
    order: 'given',
    retry: fixed(300),
    ...(logger && { logger }),
  })
    .handler((opening) => opening.pipeline.addLast(new StringCodec(), new Ear(note)))
    .connect();
  channel.writeAndFlush(signIn(name, password));
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    channel.writeAndFlush(`${name} ${count}`);
  }, everyMs);
  channel.onClosed(() => clearInterval(timer));
  return channel as unknown as Channel<string, string>;
}

class Ear implements Handler {
  private readonly note: (line: string) => void;

  constructor(note: (line: string) => void) {
    this.note = note;
  }

  channelRead(_ctx: Context, line: string): void {
    this.note(line);
  }

  userEventTriggered(_ctx: Context, event: unknown): void {
    if (event instanceof LinkLostEvent) this.note(`-- no link (${event.info?.reason})`);
    if (event instanceof LinkResumedEvent) {
      this.note(`-- back after ${Math.round(event.awayMs)} ms, ${event.resent} sent again`);
    }
  }
}
