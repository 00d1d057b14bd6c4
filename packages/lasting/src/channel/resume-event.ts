import type { CloseInfo } from '@headrace/core';
import { recogniseCopies } from '@headrace/core/authoring';
import type { MovePlace } from '../protocol/resume-frame.ts';

/**
 * The link of a lasting channel is gone. Fired in the lasting channel's pipeline: what is written now waits, and goes out over
 * the next link.
 */
export class LinkLostEvent {
  static {
    recogniseCopies(LinkLostEvent, 'headrace.LinkLostEvent');
  }

  /** Why, if it is known. */
  readonly info: CloseInfo | undefined;

  constructor(info: CloseInfo | undefined) {
    this.info = info;
  }
}

/** A lasting channel has a link again; fired in its pipeline. */
export class LinkResumedEvent {
  static {
    recogniseCopies(LinkResumedEvent, 'headrace.LinkResumedEvent');
  }

  /** For how long there was no link, as this end saw it. */
  readonly awayMs: number;
  /** How many of our messages go out again, because the peer had not got them. */
  readonly resent: number;

  constructor(awayMs: number, resent: number) {
    this.awayMs = awayMs;
    this.resent = resent;
  }
}

/** The server wishes that the client moves; fired in the client's lasting pipeline. */
export class LinkMoveEvent {
  static {
    recogniseCopies(LinkMoveEvent, 'headrace.LinkMoveEvent');
  }

  /** Move at a random time within so many milliseconds. */
  readonly spreadMs: number;
  /** Where to; `undefined` where the client was told to go in any case. */
  readonly places: readonly MovePlace[] | undefined;

  constructor(spreadMs: number, places: readonly MovePlace[] | undefined) {
    this.spreadMs = spreadMs;
    this.places = places;
  }
}
