import { recognizeCopies } from '@headrace/core/authoring';

/** A heartbeat came in: a ping of the peer, or its answer to one of ours. */
export class HeartbeatReceivedEvent<Message = unknown> {
  static {
    recognizeCopies(HeartbeatReceivedEvent, 'headrace.HeartbeatReceivedEvent');
  }

  readonly kind: 'ping' | 'pong';
  /** The heartbeat with the data that it may carry. */
  readonly message: Message;
  /** For a pong: from the sending of the ping to the answer. */
  readonly roundTripMs: number | undefined;

  constructor(kind: 'ping' | 'pong', message: Message, roundTripMs?: number) {
    this.kind = kind;
    this.message = message;
    this.roundTripMs = roundTripMs;
  }
}

/** Nothing came in for the time in which an answer was due; after the last one allowed the channel is closed. */
export class HeartbeatMissedEvent {
  static {
    recognizeCopies(HeartbeatMissedEvent, 'headrace.HeartbeatMissedEvent');
  }

  /** Consecutive missed answers. */
  readonly missed: number;
  /** The peer counts as gone: the channel is closed right after this event. */
  readonly isLost: boolean;
  /** How long nothing has come in. */
  readonly silentMs: number;

  constructor(missed: number, isLost: boolean, silentMs: number) {
    this.missed = missed;
    this.isLost = isLost;
    this.silentMs = silentMs;
  }
}

/**
 * Asks the heartbeat handlers of a pipeline to beat at once, and so to find out soon whether the peer is still there: fire
 * it when a machine is awake again, or has another network. A client's `networkChanged()` does.
 */
export class HeartbeatProbeEvent {
  static {
    recognizeCopies(HeartbeatProbeEvent, 'headrace.HeartbeatProbeEvent');
  }

  /** Why, in a word, for logs. */
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
