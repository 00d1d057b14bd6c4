import type { Channel } from '@headrace/core';
import { PRINCIPAL } from '@headrace/handlers';
import { BaseRpcContext } from '@nestjs/microservices';

/** The metadata that a client sent with a packet. Requires Nest 12 or newer, see `ClientProxy.setOnDispatchHook`. */
export type PacketMetadata = Readonly<Record<string, string>>;

/**
 * The context that `@Ctx()` passes to a handler: the caller's channel, and a signal that aborts when the answer is no longer
 * needed.
 */
export class HeadraceContext extends BaseRpcContext<[Channel, string, PacketMetadata?]> {
  private readonly work: { readonly signal: AbortSignal };

  constructor(
    args: [Channel, string, PacketMetadata?],
    /** Creates its signal at the first access. */
    work: { readonly signal: AbortSignal },
  ) {
    super(args);
    this.work = work;
  }

  /** Returns the connection, with its addresses, attributes and pipeline. */
  getChannel(): Channel {
    return this.args[0];
  }

  /** Returns the pattern of the packet. A pattern that is an object is returned as JSON. */
  getPattern(): string {
    return this.args[1];
  }

  /** Returns the metadata that the client attached to the packet, if any. */
  getMetadata(): PacketMetadata | undefined {
    return this.args[2];
  }

  /** Returns the `principal` that the server's `authenticate` returned at sign-in, or `undefined` without a sign-in. */
  getPrincipal<T = unknown>(): T | undefined {
    return this.getChannel().attributes.get(PRINCIPAL) as T | undefined;
  }

  /**
   * Returns a signal that aborts when the answer is no longer needed: the caller unsubscribed, its time limit passed, or the
   * connection closed. For an event, the signal aborts when the connection closed.
   */
  getSignal(): AbortSignal {
    return this.work.signal;
  }
}
