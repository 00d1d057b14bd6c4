// Short connections in front, long ones behind: every script opens a Unix socket, and is lent a connection to memcached.
import { tmpdir } from 'node:os';
import { ChannelPool, type Lease } from '@headrace/client';
import * as core from '@headrace/core';
import * as handlers from '@headrace/handlers';
import { endsBySignal, type System } from './start.ts';

type Bytes = { reads: Buffer; passesOn: Buffer; writes: Buffer };

/** The last line of an answer, after which memcached sends nothing of its own accord. */
const LAST_LINE =
  /\r\nEND\r\n$|^(END|(NOT_)?STORED|EXISTS|NOT_FOUND|DELETED|TOUCHED|OK|\d{1,20}|VERSION .{1,40})\r\n$/;

/** Gets what memcached sends, in the connection that is lent. */
const BORROWER = new core.AttributeKey<(bytes: Buffer) => void>('borrower');

/** First in a connection to memcached: what comes while nobody has it was left over by somebody, and ends it. */
const back = core.handler<Bytes>({
  sharable: true,
  channelRead(ctx, bytes) {
    const borrower = ctx.channel.attributes.get(BORROWER);
    if (borrower === undefined) return void ctx.close('bad-input');
    borrower(bytes);
    ctx.fireChannelRead(bytes);
  },
});

/** First in the connection of a script, which has borrowed another one: gives that back at the end, or closes it. */
function borrower(lease: Lease): core.Handler<core.Types<Bytes>> {
  let isAnswered = true;
  const { attributes, pipeline } = lease.channel;
  attributes.set(BORROWER, (bytes) => {
    isAnswered = LAST_LINE.test(bytes.toString('latin1', Math.max(0, bytes.length - 64)));
  });
  return core.handler<Bytes>({
    channelRead(ctx, bytes) {
      // It is the script that goes; memcached would close the connection of those who come.
      if (isAnswered && bytes.toString('latin1', 0, 6) === 'quit\r\n')
        return void ctx.channel.end();
      isAnswered = false;
      ctx.fireChannelRead(bytes);
    },
    channelInactive(ctx) {
      for (const one of [ctx.pipeline, pipeline]) one.removeIfExists(handlers.RelayHandler);
      attributes.set(BORROWER, undefined);
      if (isAnswered) lease.release();
      else lease.discard();
      ctx.fireChannelInactive();
    },
  });
}

/** Lends each connection at `place` one to memcached; ends those that are silent for `silentMs`. */
export async function startProxy(
  place: core.BindOptions,
  memcached: core.ConnectPlace,
  silentMs: number,
  options: core.ChannelOptions = {},
): Promise<core.Server> {
  const bootstrap = new core.Bootstrap().options(options).handler(core.pipeline().add(() => back));
  const { clock = core.systemClock } = options;
  const pool = new ChannelPool({ bootstrap, place: memcached, min: 4, max: 64, clock });
  const connect = async ({ front, install, signal }: handlers.ForwardRequest) => {
    const lease = await pool.acquire({ signal });
    if (signal.aborted) lease.release();
    signal.throwIfAborted();
    front.pipeline.addBefore(handlers.ForwardHandler, borrower(lease));
    install(lease.channel);
    return lease.channel;
  };
  const server = await new core.ServerBootstrap()
    .childOptions(options)
    .childHandler((channel) =>
      channel.pipeline.addLast(
        new handlers.IdleStateHandler({ allIdleMs: silentMs }),
        new handlers.IdleCloseHandler({ state: 'all' }),
        new handlers.ForwardHandler({ connect }),
      ),
    )
    .bind(place);
  server.on('close', () => pool.close());
  await pool.warm();
  return server;
}

export const system: System = {
  what: 'short connections of scripts to a Unix socket, over long ones to memcached',
  defaults: { port: 11_211, intervalMs: 10_000 },
  peers: { client: 'local-proxy.php', compare: 'local-proxy-compare.php' },
  roles: {
    async server({ host, port, intervalMs }) {
      const path = `${tmpdir()}/headrace-proxy.sock`;
      const place = { path, replaceStale: true };
      const server = await startProxy(place, { host, port }, intervalMs);
      console.log(path);
      endsBySignal(() => server.shutdown({ drainTimeoutMs: 1000 }));
    },
  },
};
