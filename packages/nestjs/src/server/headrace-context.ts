import type { Channel } from '@headrace/core';
import { PRINCIPAL } from '@headrace/handlers';
import { BaseRpcContext } from '@nestjs/microservices';

/** The metadata that a client sent along with a packet; Nest 12 and newer, see `ClientProxy.setOnDispatchHook`. */
export type PacketMetadata = Readonly<Record<string, string>>;

/** The context that a handler gets with `@Ctx()`: the caller, and how long it will wait. */
export class HeadraceContext extends BaseRpcContext<[Channel, string, PacketMetadata?]> {
  private readonly work: { readonly signal: AbortSignal };

  constructor(
    args: [Channel, string, PacketMetadata?],
    /** Its signal is made when it is asked for. */
    work: { readonly signal: AbortSignal },
  ) {
    super(args);
    this.work = work;
  }

  /** The connection: its addresses, its attributes, its pipeline. */
  getChannel(): Channel {
    return this.args[0];
  }

  /** The pattern of the packet, an object as JSON. */
  getPattern(): string {
    return this.args[1];
  }

  /** The metadata that the client attached to the packet, if any. */
  getMetadata(): PacketMetadata | undefined {
    return this.args[2];
  }

  /** The `principal` that the server's `authenticate` gave at sign-in; `undefined` without it. */
  getPrincipal<T = unknown>(): T | undefined {
    return this.getChannel().attributes.get(PRINCIPAL) as T | undefined;
  }

  /**
   * Aborts when the answer is not needed any more: the caller unsubscribed, its time is over, or the connection closed. For an
   * event, when the connection closed.
   */
  getSignal(): AbortSignal {
    return this.work.signal;
  }
}
