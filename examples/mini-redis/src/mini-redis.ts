import { type Handler, type Server, ServerBootstrap, systemClock } from '@headrace/core';
import { ConnectionLimitHandler, ReadWhenWritable } from '@headrace/handlers';
import { RespCodec, RespEncoder, RespError } from '@headrace/resp';
import { CommandHandler } from './command-handler.ts';
import { Memory } from './memory.ts';
import { Store } from './store.ts';
import { Subscriptions } from './subscriptions.ts';

/** Options of {@link startMiniRedis}. */
export interface MiniRedisOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** @default 10_000 */
  readonly maxClients?: number;
  /**
   * Bytes of keys, values and names that are listened to, with 512 for each key, 2048 for each name and 256 for each
   * listener: what would keep more gets an error, as by `maxmemory` of Redis. @default 268_435_456, 256 MiB
   */
  readonly maxMemoryBytes?: number;
}

/** Output that a client may leave unread before it is cut off. */
const MAX_OUTBOUND_BYTES = 64 * 1024 * 1024;

/** The whole pipeline of a client for whom there is no room. */
const sayFull: Handler = {
  sharable: true,
  channelActive(ctx) {
    ctx.writeAndFlush(new RespError('ERR max number of clients reached'));
    ctx.channel.end({ reason: 'refused' });
  },
};

/** Starts a server with a store of its own. */
export function startMiniRedis(options: MiniRedisOptions): Promise<Server> {
  const { port, host = '127.0.0.1', maxClients = 10_000, maxMemoryBytes = 2 ** 28 } = options;
  const memory = new Memory(maxMemoryBytes);
  const store = new Store(systemClock, memory);
  const shared = { memory, store, subscriptions: new Subscriptions(memory) };
  const limit = new ConnectionLimitHandler({
    total: maxClients,
    perAddress: maxClients,
    onRefused: (child) => child.pipeline.addLast(new RespEncoder(), sayFull),
  });
  return new ServerBootstrap()
    .handler((listening) => listening.pipeline.addLast(limit))
    .childOptions({ maxOutboundBytes: MAX_OUTBOUND_BYTES })
    .childHandler((channel) => {
      const codec = new RespCodec({ inlineCommands: true });
      channel.pipeline.addLast(
        codec,
        new ReadWhenWritable(),
        new CommandHandler({ codec, ...shared }),
      );
    })
    .bind({ port, host });
}
