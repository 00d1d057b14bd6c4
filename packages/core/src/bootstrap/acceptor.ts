import { initializeSafely } from '../channel/initializer.ts';
import { startChannel } from '../channel/transport-channel.ts';
import type { AttributeKey } from '../contract/attribute-key.ts';
import type { Timer } from '../contract/clock.ts';
import type { Channel, Context, Handler } from '../contract.ts';
import { ChannelError } from '../errors.ts';
import { ReadGate } from '../hold/read-gate.ts';

/** Pause of accepting after an accept error such as EMFILE. */
const ACCEPT_PAUSE_MS = 1000;

/** The acceptor's actions on each connection. */
export interface AcceptorOptions {
  readonly initialize: (channel: Channel) => void;
  readonly attributes: ReadonlyMap<AttributeKey<unknown>, unknown>;
  readonly accepted: (channel: Channel) => void;
}

/**
 * The last handler of a listening channel. The handler starts each accepted channel with the child's attributes and
 * pipeline. To refuse a connection, an earlier handler closes the connection and does not pass it on. An accept error
 * pauses accepting for a second and never ends the server.
 *
 * @see Netty's `ServerBootstrapAcceptor`
 */
export class Acceptor implements Handler {
  private readonly options: AcceptorOptions;
  private readonly initialize: (channel: Channel) => void;
  private readonly gate = new ReadGate('accept error');
  private pause: Timer | undefined = undefined;

  constructor(options: AcceptorOptions) {
    this.options = options;
    this.initialize = (child) => initializeSafely(child, options.initialize);
  }

  channelRead(_ctx: Context, child: Channel): void {
    for (const [key, value] of this.options.attributes) child.attributes.set(key, value);
    // Elsewhere a handler of its own initializes the channel. Here thousands of connections can arrive in a second.
    startChannel(child, this.initialize);
    if (child.isOpen) this.options.accepted(child);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (error instanceof ChannelError && ctx.channel.isOpen) {
      this.pause?.cancel();
      this.gate.hold(ctx.channel);
      this.pause = ctx.clock.schedule(() => this.resume(), ACCEPT_PAUSE_MS);
    }
    ctx.fireExceptionCaught(error);
  }

  handlerRemoved(): void {
    this.pause?.cancel();
    this.resume();
  }

  private resume(): void {
    this.pause = undefined;
    this.gate.release();
  }
}
