import { type ChannelInitializer, toFunction } from '../bootstrap/bootstrap-options.ts';
import { type ChannelOptions, resolveChannelOptions } from '../channel/channel-options.ts';
import { silentLogger } from '../internal/stderr-logger.ts';
import { MemoryTransport } from '../transport/memory-transport.ts';
import { VirtualChannel } from './virtual-channel.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Options of {@link connectedPair}. */
// biome-ignore lint/suspicious/noExplicitAny: whatever types the pipelines end with
export interface ConnectedPairOptions<A = any, B = any, C = any, D = any> {
  /** Builds the pipeline of one end; a function or a template, as for a `Bootstrap`. */
  readonly client?: ChannelInitializer<A, B>;
  /** Builds the pipeline of the other end. */
  readonly server?: ChannelInitializer<C, D>;
  /** Options of both channels. @default silent, on the pair's clock */
  readonly options?: Omit<ChannelOptions, 'clock'>;
  /** Bytes that each direction holds before its writer has to wait. @default 65536 */
  readonly capacityBytes?: number;
  /** @default a clock of its own */
  readonly clock?: VirtualClock;
}

/** Two channels, each the peer of the other. */
export interface ConnectedPair {
  readonly client: VirtualChannel;
  readonly server: VirtualChannel;
  /** Both run on it: nothing happens by itself later. */
  readonly clock: VirtualClock;
}

/**
 * Two channels back to back on one virtual clock, without a socket: what one writes the other reads, as
 * bytes, with back-pressure, half-closure and resets as on TCP. What follows from a call has happened when
 * the call returns; time moves by `clock.advance`.
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
export function connectedPair(options: ConnectedPairOptions = {}): ConnectedPair {
  const { capacityBytes, clock = new VirtualClock() } = options;
  const memory = capacityBytes === undefined ? { clock } : { clock, capacityBytes };
  const resolved = resolveChannelOptions({ logger: silentLogger, ...options.options, clock });
  const [client, server] = MemoryTransport.pair(memory).map(
    (transport) => new VirtualChannel(transport, resolved),
  ) as [VirtualChannel, VirtualChannel];
  if (options.client !== undefined) toFunction(options.client)(client);
  if (options.server !== undefined) toFunction(options.server)(server);
  clock.run(() => {
    server.register();
    client.register();
  });
  return { client, server, clock };
}
