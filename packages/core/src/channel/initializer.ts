import type { Channel, Context, Handler } from '../contract.ts';
import { toError } from '../errors.ts';
import { onRejection } from '../internal/promise-like.ts';
import type { TransportChannel } from './transport-channel.ts';

/**
 * A handler that builds a channel's pipeline when it is added, and then removes itself. What `initialize`
 * adds with `addLast` stands after what is there already. If it throws, the channel is closed.
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
export function initializeSafely(channel: Channel, initialize: (channel: Channel) => void): void {
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
