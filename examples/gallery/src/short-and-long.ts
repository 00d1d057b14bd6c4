// What a connection for each exchange costs, beside one that is kept for ever, and one that is kept for a while.
import { DelimiterFrameDecoder, StringDecoder, StringEncoder, textLines } from '@headrace/codec';
import * as core from '@headrace/core';
import * as handlers from '@headrace/handlers';
import { type Asker, printCosts, type Style } from './short-and-long-costs.ts';
import { endsBySignal, listening, type System } from './start.ts';

type Text = { reads: string; passesOn: string; writes: string };
const END = 'END\r\n';

/** Returns each line, and answers `stats` as memcached does: with the CPU time that it has used. */
const echo = core.handler<Text>({
  sharable: true,
  channelRead(ctx, line) {
    if (line !== 'stats') return void ctx.write(line);
    const { user, system } = process.cpuUsage();
    ctx.write(`STAT rusage_user ${user / 1e6}`);
    ctx.write(`STAT rusage_system ${system / 1e6}`);
    ctx.write('END');
  },
  channelReadComplete: (ctx) => ctx.flush(),
});

export const startEcho = (place: core.BindOptions, options: core.ChannelOptions = {}) =>
  new core.ServerBootstrap()
    .childOptions(options)
    .childHandler(
      core.pipeline().add(...textLines({ maxLength: 1024, delimiter: '\r\n' }), () => echo),
    )
    .bind(place);

/** Asks one thing after the other. */
export function asker(
  place: core.ConnectPlace,
  style: Style,
  maxAgeMs: number,
  options = {},
): Asker {
  let channel: core.Channel<unknown, string> | undefined;
  let used: core.Channel<unknown, string> | undefined;
  let settle: { resolve(answer: string): void; reject(error: Error): void } | undefined;
  const take = core.handler<Text>({
    sharable: true,
    channelRead: (_ctx, answer) => settle?.resolve(answer),
    userEventTriggered(ctx, event) {
      if (event instanceof handlers.ConnectionExpiredEvent) channel = undefined;
      ctx.fireUserEventTriggered(event);
    },
    channelInactive(ctx) {
      if (ctx.channel === channel) channel = undefined;
      if (ctx.channel === used) settle?.reject(new Error('the server closed the connection'));
    },
  });
  const age = { maxAgeMs: style === 'limited' ? maxAgeMs : (false as const), jitter: 0 };
  const maxMessages = style === 'limited' ? 100 : Number.MAX_SAFE_INTEGER;
  const bootstrap = new core.Bootstrap().options(options).handler(({ pipeline }) =>
    pipeline.addLast(
      new DelimiterFrameDecoder({ delimiters: [END], maxFrameLength: 65_536 }),
      new StringDecoder(),
      new StringEncoder(),
      new handlers.MaxMessagesHandler({ maxMessages }),
      new handlers.MaxAgeHandler({ ...age, graceMs: 100 }), // for the answer that is under way
      take,
    ),
  );
  const counts = { connections: 0 };
  const ask = async (question: string): Promise<string> => {
    if (channel === undefined) counts.connections += 1;
    channel ??= await bootstrap.connect(place);
    used = channel;
    const answer = new Promise<string>((resolve, reject) => {
      settle = { resolve, reject };
    });
    used.writeAndFlush(question);
    await answer;
    if (style === 'short') end();
    return answer;
  };
  const end = (): void => {
    channel?.end();
    channel = undefined;
  };
  return { ask, end, counts };
}

export const system: System = {
  what: 'what short connections cost beside long ones, with memcached and an echo',
  defaults: { port: 7007, intervalMs: 5000, attempts: 10_000 },
  peers: { server: 'short-and-long.py', client: 'short-and-long.py' },
  roles: {
    server: async ({ host, port }) => listening(await startEcho({ host, port }), host),
    async client({ host, port, attempts, intervalMs }) {
      endsBySignal(() => {});
      const memcached = Number(process.env['MEMCACHED_PORT'] || 11_211);
      await printCosts(attempts, {
        echo: (style) => asker({ host, port }, style, intervalMs),
        memcached: (style) => asker({ host, port: memcached }, style, intervalMs),
      });
    },
  },
};
