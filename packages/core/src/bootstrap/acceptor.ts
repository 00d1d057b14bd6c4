import type { AttributeKey } from '../attribute-key.ts';
import type { TransportChannel } from '../channel/transport-channel.ts';
import type { Channel, Context, Handler, Timer } from '../contract.ts';
import { ChannelError, toError } from '../errors.ts';
import { onRejection } from '../internal/promise-like.ts';

/** How long accepting pauses after an accept error such as EMFILE. */
const ACCEPT_PAUSE_MS = 1000;

/** What the acceptor does with a connection. */
export interface AcceptorOptions {
  readonly initialize: (channel: Channel) => void;
  readonly attributes: ReadonlyMap<AttributeKey<unknown>, unknown>;
  readonly accepted: (channel: Channel) => void;
}

/**
 * The last handler of a listening channel: starts each accepted channel with the child's attributes and
 * pipeline. A handler before it may refuse a connection by closing it and not passing it on. An accept
 * error pauses accepting for a second and never ends the server.
 *
 * @see Netty's `ServerBootstrapAcceptor`
 */
export class Acceptor implements Handler {
  private readonly options: AcceptorOptions;
  private pause: Timer | undefined = undefined;

  constructor(options: AcceptorOptions) {
    this.options = options;
  }

  channelRead(_ctx: Context, child: TransportChannel): void {
    for (const [key, value] of this.options.attributes) child.attributes.set(key, value);
    child.pipeline.addLast(initializer(this.options.initialize));
    child.register();
    if (child.isOpen) this.options.accepted(child);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (error instanceof ChannelError && (ctx.channel.autoRead || this.pause !== undefined)) {
      this.pause?.cancel();
      ctx.channel.autoRead = false;
      this.pause = ctx.clock.schedule(() => this.resume(ctx), ACCEPT_PAUSE_MS);
    }
    ctx.fireExceptionCaught(error);
  }

  handlerRemoved(): void {
    this.pause?.cancel();
    this.pause = undefined;
  }

  private resume(ctx: Context): void {
    this.pause = undefined;
    ctx.channel.autoRead = true;
  }
}

/**
 * A handler that builds a channel's pipeline when it is added, and then removes itself. What `initialize`
 * adds with `addLast` stands behind what is there already. If it throws, the channel is closed.
 *
 * @see Netty's `ChannelInitializer`
 */
export function initializer(initialize: (channel: Channel) => void): Handler {
  return new Initializer(initialize);
}

class Initializer implements Handler {
  private readonly initialize: (channel: Channel) => void;

  constructor(initialize: (channel: Channel) => void) {
    this.initialize = initialize;
  }

  handlerAdded(ctx: Context): void {
    const fail = (error: Error) => {
      ctx.channel.logger.log('error', `${ctx.channel} its initializer threw; closing`, error);
      (ctx.channel as TransportChannel).failWith(error);
    };
    try {
      const returned: unknown = this.initialize(ctx.channel);
      onRejection(returned, fail);
    } catch (thrown) {
      fail(toError(thrown));
    } finally {
      ctx.pipeline.removeIfExists(this);
    }
  }
}
