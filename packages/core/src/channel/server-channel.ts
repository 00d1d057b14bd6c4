import type { EndOptions, Handled, WriteFuture } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { TransportChannel } from './transport-channel.ts';

/** A listening channel: its messages are the channels it accepts, not yet registered. */
export class ServerChannel extends TransportChannel {
  override readonly isServer: boolean = true;
  private readonly childOptions: ResolvedChannelOptions;

  constructor(
    transport: Transport,
    options: ResolvedChannelOptions,
    childOptions: ResolvedChannelOptions,
  ) {
    super(transport, options);
    this.childOptions = childOptions;
  }

  override received(transport: unknown): void {
    const child = new TransportChannel(transport as Transport, this.childOptions, this);
    // A connection that is merely dropped would stay open for ever.
    if (this.isInputShutdown) child.abort('refused');
    else super.received(child);
  }

  /** There is no peer to wait for. */
  override end(options: EndOptions = {}): WriteFuture {
    return this.close(options.reason);
  }

  /** An error of a listening channel is reported, and the server goes on. */
  override unhandledException(error: Error): Handled {
    const { unhandledException } = this.options.hooks;
    if (unhandledException !== undefined) return unhandledException(this, error);
    this.logger.log('warn', `${this} an error while accepting; the server goes on`, error);
  }

  override unhandledMessage(message: unknown): Handled {
    try {
      return super.unhandledMessage(message);
    } finally {
      // A connection that no acceptor took would stay open for ever.
      (message as TransportChannel).close('refused');
    }
  }
}
