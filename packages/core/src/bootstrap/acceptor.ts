import type { AttributeKey } from '../attribute-key.ts';
import type { TransportChannel } from '../channel/transport-channel.ts';
import type { Channel, Context, Handler, ReadHold, Timer } from '../contract.ts';
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
  private readonly initialize: (channel: Channel) => void;
  private pause: Timer | undefined = undefined;
  private hold: ReadHold | undefined = undefined;

  constructor(options: AcceptorOptions) {
    this.options = options;
    this.initialize = (child) => initializeSafely(child, options.initialize);
  }

  channelRead(_ctx: Context, child: TransportChannel): void {
    for (const [key, value] of this.options.attributes) child.attributes.set(key, value);
    // Not by a handler of its own as elsewhere: thousands may come in a second.
    child.register(this.initialize);
    if (child.isOpen) this.options.accepted(child);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (error instanceof ChannelError && ctx.channel.isOpen) {
      this.hold ??= ctx.channel.holdReads('accept error');
      this.pause?.cancel();
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
    this.hold?.release();
    this.hold = undefined;
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
    initializeSafely(ctx.channel, this.initialize);
    ctx.pipeline.removeIfExists(this);
  }
}

/** A channel whose initializer throws or rejects is closed. */
function initializeSafely(channel: Channel, initialize: (channel: Channel) => void): void {
  try {
    const returned: unknown = initialize(channel);
    if (returned !== undefined) onRejection(returned, (error) => initializerFailed(channel, error));
  } catch (thrown) {
    initializerFailed(channel, toError(thrown));
  }
}

function initializerFailed(channel: Channel, error: Error): void {
  channel.logger.log('error', `${channel} its initializer threw; closing`, error);
  (channel as TransportChannel).failWith(error);
}
