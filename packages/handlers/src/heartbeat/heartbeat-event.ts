import { recognizeCopies } from '@headrace/core/authoring';

/** An event that is fired for a heartbeat of the peer: a ping, or the answer to our ping. */
export class HeartbeatReceivedEvent<Message = unknown> {
  static {
    recognizeCopies(HeartbeatReceivedEvent, 'headrace.HeartbeatReceivedEvent');
  }

  readonly kind: 'ping' | 'pong';
  /** The heartbeat with its data. */
  readonly message: Message;
  /** For a pong: time from the sending of the ping to the answer, in milliseconds. */
  readonly roundTripMs: number | undefined;

  constructor(kind: 'ping' | 'pong', message: Message, roundTripMs?: number) {
    this.kind = kind;
    this.message = message;
    this.roundTripMs = roundTripMs;
  }
}

/**
 * An event that is fired when no input arrived within the time for an answer, or within `silenceMs`. If `isLost` is true, the
 * channel is closed directly after the event.
 */
export class HeartbeatMissedEvent {
  static {
    recognizeCopies(HeartbeatMissedEvent, 'headrace.HeartbeatMissedEvent');
  }

  /** Number of consecutive missed answers. */
  readonly missed: number;
  /** Whether the peer counts as gone. */
  readonly isLost: boolean;
  /** Time since the last input, in milliseconds. */
  readonly silentMs: number;

  constructor(missed: number, isLost: boolean, silentMs: number) {
    this.missed = missed;
    this.isLost = isLost;
    this.silentMs = silentMs;
  }
}

/**
 * An event that asks the heartbeat handlers of a pipeline to send a heartbeat at once, to find out soon whether the peer lives.
 * Fire it when a machine has woken up or has another network, as a client's `networkChanged()` does.
 */
export class HeartbeatProbeEvent {
  static {
    recognizeCopies(HeartbeatProbeEvent, 'headrace.HeartbeatProbeEvent');
  }

  /** The reason for the probe in one word, for logs. */
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
