import type { RejectedError, TimedOutError } from '@headrace/core';

/** The authenticator said yes. Fired to the handlers behind the AuthHandler, before any message reaches them. */
export class AuthenticatedEvent<Principal = unknown> {
  readonly principal: Principal;
  /** Who the channel spoke for before, if it authenticated once more. */
  readonly previous: Principal | undefined;

  constructor(principal: Principal, previous?: Principal) {
    this.principal = principal;
    this.previous = previous;
  }
}

/** The peer was not let in: the authenticator said no, a message came too early, or the time was over. */
export class AuthFailedEvent {
  readonly error: RejectedError | TimedOutError;
  /** The connection stays, the peer may try again. */
  readonly stays: boolean;

  constructor(error: RejectedError | TimedOutError, stays: boolean) {
    this.error = error;
    this.stays = stays;
  }
}
