import type { CloseInfo } from '@headrace/core';
import { recognizeCopies } from '@headrace/core/authoring';
import type { MovePlace } from '../protocol/resume-frame.ts';

/** Fired in the lasting channel's pipeline when the link was lost. Writes then wait for the next link. */
export class LinkLostEvent {
  static {
    recognizeCopies(LinkLostEvent, 'headrace.LinkLostEvent');
  }

  /** Cause of the loss, if known. */
  readonly info: CloseInfo | undefined;

  constructor(info: CloseInfo | undefined) {
    this.info = info;
  }
}

/** Fired in the lasting channel's pipeline when the channel has a link again. */
export class LinkResumedEvent {
  static {
    recognizeCopies(LinkResumedEvent, 'headrace.LinkResumedEvent');
  }

  /** Time without a link, as this end measured it. */
  readonly awayMs: number;
  /** Number of messages that this end sends again, because the peer had not received them. */
  readonly resent: number;

  constructor(awayMs: number, resent: number) {
    this.awayMs = awayMs;
    this.resent = resent;
  }
}

/** Fired in the client's lasting pipeline when the server asks the client to move. */
export class LinkMoveEvent {
  static {
    recognizeCopies(LinkMoveEvent, 'headrace.LinkMoveEvent');
  }

  /** Period within which the client moves, at a random moment, in milliseconds. */
  readonly spreadMs: number;
  /** Places to move to; `undefined` if the client must leave and the server named no place. */
  readonly places: readonly MovePlace[] | undefined;

  constructor(spreadMs: number, places: readonly MovePlace[] | undefined) {
    this.spreadMs = spreadMs;
    this.places = places;
  }
}
