// One who talks: the client's end of a lasting channel, in a terminal or in a page. It is the same channel from the first
// line to the last.
import { fixed } from '@headrace/client';
import { StringCodec } from '@headrace/codec';
import type { Channel, Context, Handler } from '@headrace/core';
import {
  LastingBootstrap,
  type LastingOptions,
  LinkLostEvent,
  LinkResumedEvent,
} from '@headrace/lasting';
import { signIn } from './sign-in.ts';

export interface TalkerOptions<P> {
  readonly name: string;
  readonly password: string;
  /** Makes the links, and knows where to. */
  readonly links: Pick<LastingOptions<P>, 'bootstrap' | 'addresses' | 'logger'>;
  /** Gets what was heard, and what happens. */
  readonly note: (line: string) => void;
}

export async function startTalker<P>(options: TalkerOptions<P>): Promise<Channel<string, string>> {
  const { name, password, links, note } = options;
  const channel = await new LastingBootstrap<P>({ ...links, order: 'given', retry: fixed(300) })
    .handler((opening) => opening.pipeline.addLast(new StringCodec(), new Ear(note)))
    .connect();
  channel.writeAndFlush(signIn(name, password));
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
