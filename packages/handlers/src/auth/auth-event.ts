import type { RejectedError, TimedOutError } from '@headrace/core';
import { recognizeCopies } from '@headrace/core/authoring';

/**
 * The authenticator accepted the peer. Fired to the handlers after the AuthHandler, before any message reaches them.
 *
 * `event instanceof AuthenticatedEvent` gives a principal of type `unknown`, as the event does not know which
 * AuthHandler made it; {@link principalOf} or a cast to `AuthenticatedEvent<User>` names the type.
 */
export class AuthenticatedEvent<Principal = unknown> {
  static {
    recognizeCopies(AuthenticatedEvent, 'headrace.AuthenticatedEvent');
  }

  /** Only for the compiler: without it, `instanceof` would make the principal `any`. */
  declare static readonly [Symbol.hasInstance]: (event: unknown) => event is AuthenticatedEvent;
  readonly principal: Principal;
  /** The earlier principal of the channel, if the peer authenticated again. */
  readonly previous: Principal | undefined;

  constructor(principal: Principal, previous?: Principal) {
    this.principal = principal;
    this.previous = previous;
  }
}

/** The peer was refused: by the authenticator, for a message that came too early, or because the time was over. */
export class AuthFailedEvent {
  static {
    recognizeCopies(AuthFailedEvent, 'headrace.AuthFailedEvent');
  }

  readonly error: RejectedError | TimedOutError;
  /** True if the connection stays, so that the peer may try again. */
  readonly stays: boolean;

  constructor(error: RejectedError | TimedOutError, stays: boolean) {
    this.error = error;
    this.stays = stays;
  }
}
