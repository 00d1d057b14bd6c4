import type { RejectedError, TimedOutError } from '@headrace/core';
import { recognizeCopies } from '@headrace/core/authoring';

/**
 * An event that the AuthHandler fires to the handlers after it when the authenticator has accepted the peer, before any message
 * reaches these handlers.
 *
 * After `event instanceof AuthenticatedEvent`, the principal is of type `unknown`, because the event does not know which
 * AuthHandler made it. {@link principalOf} or a cast to `AuthenticatedEvent<User>` states the type.
 */
export class AuthenticatedEvent<Principal = unknown> {
  static {
    recognizeCopies(AuthenticatedEvent, 'headrace.AuthenticatedEvent');
  }

  /** For the compiler only: without it, `instanceof` would make the principal `any`. */
  declare static readonly [Symbol.hasInstance]: (event: unknown) => event is AuthenticatedEvent;
  readonly principal: Principal;
  /** The earlier principal of the channel, if the peer authenticated again. */
  readonly previous: Principal | undefined;

  constructor(principal: Principal, previous?: Principal) {
    this.principal = principal;
    this.previous = previous;
  }
}

/**
 * An event that is fired when the peer is refused: by the authenticator, for a message that arrived too early, or at the
 * deadline.
 */
export class AuthFailedEvent {
  static {
    recognizeCopies(AuthFailedEvent, 'headrace.AuthFailedEvent');
  }

  readonly error: RejectedError | TimedOutError;
  /** Whether the connection stays open, so that the peer can try again. */
  readonly stays: boolean;

  constructor(error: RejectedError | TimedOutError, stays: boolean) {
    this.error = error;
    this.stays = stays;
  }
}
