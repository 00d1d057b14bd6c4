import type { Channel, EndOptions, Handled, WriteFuture } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';
import { ChannelCore } from './channel-core.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { TransportChannel } from './transport-channel.ts';

/** Makes a listening channel. The messages of the channel are accepted channels that are not registered yet. */
export function serverChannel(
  transport: Transport,
  options: ResolvedChannelOptions,
  childOptions: ResolvedChannelOptions,
): TransportChannel {
  const makeCore = (channel: Channel) => new ServerCore(channel, transport, options, childOptions);
  return new TransportChannel(transport, options, undefined, makeCore);
}

class ServerCore extends ChannelCore {
  private readonly childOptions: ResolvedChannelOptions;

  constructor(
    channel: Channel,
    transport: Transport,
    options: ResolvedChannelOptions,
    childOptions: ResolvedChannelOptions,
  ) {
    super(channel, transport, options, undefined);
    this.childOptions = childOptions;
  }

  override get isServer(): boolean {
    return true;
  }

  override received(transport: unknown): void {
    const child = new TransportChannel(transport as Transport, this.childOptions, this.channel);
    // A connection that is only dropped would stay open.
    if (this.isInputShutdown) child.abort('refused');
    else super.received(child);
  }

  /** Closes at once, because a listening channel has no peer to wait for. */
  override end(options: EndOptions): WriteFuture {
    return this.close(options.reason ?? 'local');
  }

  /** Reports an error of a listening channel. The server continues. */
  override unhandledException(error: Error): Handled {
    const { channel } = this;
    const { unhandledException } = this.options.hooks;
    if (unhandledException !== undefined) return unhandledException(channel, error);
    this.logger.log('warn', `${channel} an error while accepting; the server goes on`, error);
  }

  override unhandledMessage(message: unknown): Handled {
    try {
      return super.unhandledMessage(message);
    } finally {
      // A connection that no acceptor started would stay open.
      (message as Channel).close('refused');
    }
  }
}
