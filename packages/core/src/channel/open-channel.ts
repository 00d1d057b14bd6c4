import { onAbort } from '../call/on-abort.ts';
import type { AttributeKey } from '../contract/attribute-key.ts';
import type { Channel } from '../contract.ts';
import { TimedOutError } from '../errors.ts';
import { text as textKind, time, unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { present } from '../option/present.ts';
import type { Transport } from '../transport/transport.ts';
import { CHANNEL_OPTIONS, type ChannelOptions, resolveChannelOptions } from './channel-options.ts';
import { checkBuilder, initializer, initializeSafely } from './initializer.ts';
import { coreOf, startChannel, TransportChannel } from './transport-channel.ts';

/** Options of {@link openChannel}: the options of every channel. `logger` and `clock` default to those of `parent`. */
export interface OpenChannelOptions extends ChannelOptions {
  /**
   * Function that builds the pipeline. If the function throws or rejects, the channel is closed.
   * @default an empty pipeline
   */
  readonly initialize?: (channel: Channel) => void;
  /** Channel that accepted this channel, or that carries it. @default none */
  readonly parent?: Channel;
  /** Attributes that are set before the pipeline is built. @default none */
  readonly attributes?: Iterable<readonly [AttributeKey<unknown>, unknown]>;
}

/** Options of {@link connectChannel}. */
export interface ConnectChannelOptions extends OpenChannelOptions {
  /** Maximum duration of the connect, in milliseconds. `false` leaves the limit to the transport. @default 30000 */
  readonly connectTimeoutMs?: number | false;
  /** Name of the peer in the text of the time-out error. @default 'the peer' */
  readonly target?: string;
  /** Signal that cancels the connect. */
  readonly signal?: AbortSignal;
}

const OPEN_OPTIONS = describeOptions(
  'openChannel',
  { initialize: unchecked(), parent: unchecked(), attributes: unchecked({ default: [] }) },
  CHANNEL_OPTIONS,
);
export const TIMEOUT_OPTIONS = describeOptions('ConnectTimeout', {
  connectTimeoutMs: time({ default: 30_000 }),
});
const CONNECT_OPTIONS = describeOptions(
  'connectChannel',
  {
    ...TIMEOUT_OPTIONS.kinds,
    target: textKind('a text', { default: 'the peer' }),
    signal: unchecked(),
  },
  OPEN_OPTIONS,
);

/**
 * Makes a channel over a transport and starts the channel. The bootstraps do this themselves. Use the function for
 * transports of your own, and for connections from another source. For a transport that is still connecting, use
 * {@link connectChannel}.
 *
 * @example
 * ```ts
 * const channel = openChannel(new StreamTransport(serialPort), {
 *   initialize: (channel) => channel.pipeline.addLast(new LineFrameDecoder({ maxLength: 80 })),
 * });
 * ```
 * @throws OptionError if an option is not valid; the transport is then not opened
 * @see Netty's `EventLoopGroup.register(channel)`
 */
export function openChannel(transport: Transport, options: OpenChannelOptions = {}): Channel {
  OPEN_OPTIONS.checkNames(options);
  const channel = channelOver(transport, options);
  startChannel(channel);
  return channel;
}

/**
 * Makes a channel over a transport that connects, like {@link openChannel}, and resolves with the active channel.
 * Rejects with `TIMEOUT_CONNECT`, the signal's reason, or the transport's error (for example `CHANNEL_REFUSED`),
 * after all resources were released.
 */
export async function connectChannel(
  transport: Transport,
  options: ConnectChannelOptions = {},
): Promise<Channel> {
  const { connectTimeoutMs: timeoutMs, target, signal } = CONNECT_OPTIONS.resolve(options);
  signal?.throwIfAborted();
  const channel = channelOver(transport, options);
  const text = `no connection to ${target} within ${timeoutMs} ms`;
  const expired = (): Error => new TimedOutError('TIMEOUT_CONNECT', text, { timeoutMs });
  const deadline = Number.isFinite(timeoutMs)
    ? channel.clock.schedule(() => coreOf(channel)!.failed(expired()), timeoutMs, true)
    : undefined;
  try {
    await registerAndWait(channel, signal);
  } finally {
    deadline?.cancel();
  }
  return channel;
}

/**
 * Starts a channel that a listening channel has accepted, in place of the acceptor. For example, a handler of the
 * listening channel can start a channel to send a last message and refuse the connection.
 *
 * @param initialize - function that builds the channel's pipeline, as in {@link openChannel}
 * @throws OptionError `OPTION_INVALID` if `initialize` is not a function
 * @throws PipelineError for a channel of another copy of core; the channel is closed
 */
export function registerChannel(channel: Channel, initialize?: (channel: Channel) => void): void {
  if (initialize !== undefined) checkBuilder('registerChannel()', initialize);
  const build = initialize && ((self: Channel) => initializeSafely(self, initialize));
  // No other code would start the channel, and its connection would stay open.
  if (coreOf(channel) === undefined) channel.close('error');
  startChannel(channel, build);
}

function channelOver(transport: Transport, options: OpenChannelOptions): TransportChannel {
  const { initialize, parent, attributes } = OPEN_OPTIONS.part(options);
  const inherited = parent && { logger: parent.logger, clock: parent.clock };
  if (initialize !== undefined) checkBuilder('initialize', initialize);
  const channel = new TransportChannel(
    transport,
    resolveChannelOptions({ ...inherited, ...present(options) }),
    parent,
  );
  for (const [key, value] of attributes) channel.attributes.set(key, value);
  if (initialize !== undefined) channel.pipeline.addLast(initializer(initialize));
  return channel;
}

/**
 * Registers a channel that connects or binds, and waits until it is active. Rejects with the signal's reason or the
 * transport's error. The channel is then closed.
 */
export async function registerAndWait(
  channel: Channel,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stopListening = signal && onAbort(signal, () => channel.close());
  try {
    const { connectFuture } = coreOf(channel)!;
    startChannel(channel);
    await connectFuture;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    stopListening?.();
  }
}
