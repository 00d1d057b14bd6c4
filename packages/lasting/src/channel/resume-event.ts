import type { CloseInfo } from '@headrace/core';
import { recognizeCopies } from '@headrace/core/authoring';
import type { MovePlace } from '../protocol/resume-frame.ts';

/** The link of a lasting channel is gone. Fired in the lasting channel's pipeline. From now on, writes wait for the next link. */
export class LinkLostEvent {
  static {
    recognizeCopies(LinkLostEvent, 'headrace.LinkLostEvent');
  }

  /** The cause, if it is known. */
  readonly info: CloseInfo | undefined;

  constructor(info: CloseInfo | undefined) {
    this.info = info;
  }
}

/** A lasting channel has a link again; fired in its pipeline. */
export class LinkResumedEvent {
  static {
    recognizeCopies(LinkResumedEvent, 'headrace.LinkResumedEvent');
  }

  /** For how long there was no link, as this end saw it. */
  readonly awayMs: number;
  /** How many messages of this end are sent again, because the peer had not got them. */
  readonly resent: number;

  constructor(awayMs: number, resent: number) {
    this.awayMs = awayMs;
    this.resent = resent;
  }
}

/** The server asks the client to move; fired in the client's lasting pipeline. */
export class LinkMoveEvent {
  static {
    recognizeCopies(LinkMoveEvent, 'headrace.LinkMoveEvent');
  }

  /** The time in milliseconds within which the client moves, at a random moment. */
  readonly spreadMs: number;
  /** The places to move to; `undefined` if the client must leave and none was named. */
  readonly places: readonly MovePlace[] | undefined;

  constructor(spreadMs: number, places: readonly MovePlace[] | undefined) {
    this.spreadMs = spreadMs;
    this.places = places;
  }
}
