// The talker of a terminal: its links are TCP connections, and it says a line every so often, numbered.
import { Bootstrap, type Channel, type Logger } from '@headrace/core';
import { beating, framing } from './link.ts';
import { startTalker, type TalkerOptions } from './talker.ts';

export interface TerminalOptions extends Omit<TalkerOptions<never>, 'links'> {
  /** Where to; the first one that works. */
  readonly ports: readonly number[];
  readonly host?: string;
  readonly everyMs?: number;
  readonly logger?: Logger;
}

export async function startTerminal(options: TerminalOptions): Promise<Channel<string, string>> {
  const { ports, host = '127.0.0.1', everyMs = 200, logger, ...talker } = options;
  const channel = await startTalker({
    ...talker,
    links: {
      bootstrap: new Bootstrap()
        .options(logger === undefined ? {} : { logger })
        .handler((link) => link.pipeline.addLast(...framing(), beating())),
      addresses: ports.map((port) => ({ host, port })),
      ...(logger && { logger }),
    },
  });
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    channel.writeAndFlush(`${options.name} ${count}`);
  }, everyMs);
  channel.onClosed(() => clearInterval(timer));
  return channel;
}
