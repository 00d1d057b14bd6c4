import { builderOf, type ChannelInitializer } from '../channel/channel-builder.ts';
import {
  CHANNEL_OPTIONS,
  type ChannelOptions,
  resolveChannelOptions,
} from '../channel/channel-options.ts';
import { silentLogger } from '../log/stderr-logger.ts';
import { unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { MemoryTransport } from '../transport/memory-transport.ts';
import { VirtualChannel } from './virtual-channel.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Options of {@link connectedPair}. The type parameters name the messages that each end reads (`R`) and writes (`W`). */
export interface ConnectedPairOptions<
  ClientR = unknown,
  ClientW = unknown,
  ServerR = unknown,
  ServerW = unknown,
> {
  /** Initializer of the client's pipeline: a function or a template, as for a `Bootstrap`. @default an empty pipeline */
  readonly client?: ChannelInitializer<ClientR, ClientW>;
  /** Initializer of the server's pipeline. @default an empty pipeline */
  readonly server?: ChannelInitializer<ServerR, ServerW>;
  /** Options of both channels. @default a silent logger */
  readonly options?: Omit<ChannelOptions, 'clock'>;
  /** Maximum number of bytes that each direction holds before its writer must wait. @default 65536 */
  readonly capacityBytes?: number;
  /** Clock of both channels. @default a new clock */
  readonly clock?: VirtualClock;
}

const { clock: _clock, ...ofEnd } = CHANNEL_OPTIONS.kinds;
const END_OPTIONS = describeOptions('connectedPair', ofEnd);
const OPTIONS = describeOptions('connectedPair', {
  client: unchecked(),
  server: unchecked(),
  options: unchecked({ default: {} }),
  capacityBytes: unchecked(),
  clock: unchecked(),
});

/** Two channels, each the peer of the other. */
export interface ConnectedPair<
  ClientR = unknown,
  ClientW = unknown,
  ServerR = unknown,
  ServerW = unknown,
> {
  readonly client: VirtualChannel<ClientR, ClientW>;
  readonly server: VirtualChannel<ServerR, ServerW>;
  /** The virtual clock of both channels. Without a call, its time does not move. */
  readonly clock: VirtualClock;
}

/**
 * Connects two channels to each other on one virtual clock, without a socket. Each channel reads the bytes that the other
 * writes, with back-pressure, half-closure and resets as on TCP. All effects of a call have happened when the call returns.
 * To move time, call `clock.advance`.
 *
 * @example
 * ```ts
 * const { client, server, clock } = connectedPair({
 *   server: (channel) => channel.pipeline.addLast(new IdleStateHandler({ readerIdleMs: 60_000 }), …),
 * });
 * client.writeAndFlush(Buffer.from('hello'));
 * clock.advance(60_000);
 * ```
 */
export function connectedPair<ClientR, ClientW, ServerR, ServerW>(
  options: ConnectedPairOptions<ClientR, ClientW, ServerR, ServerW> = {},
): ConnectedPair<ClientR, ClientW, ServerR, ServerW> {
  OPTIONS.checkNames(options);
  if (options.options !== undefined) END_OPTIONS.checkNames(options.options);
  const buildClient = options.client && builderOf('client', options.client);
  const buildServer = options.server && builderOf('server', options.server);
  const { capacityBytes, clock = new VirtualClock() } = options;
  const memory = capacityBytes === undefined ? { clock } : { clock, capacityBytes };
  const resolved = resolveChannelOptions({ logger: silentLogger, ...options.options, clock });
  const [near, far] = MemoryTransport.pair(memory);
  const client = new VirtualChannel<ClientR, ClientW>(near, resolved);
  const server = new VirtualChannel<ServerR, ServerW>(far, resolved);
  buildClient?.(client);
  buildServer?.(server);
  clock.run(() => {
    server.register();
    client.register();
  });
  return { client, server, clock };
}
