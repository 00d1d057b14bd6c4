import type { Timer, WriteFuture } from '@headrace/core';
import type { WritePacket } from '@nestjs/microservices';

/** What becomes of a packet. */
export interface Outcome {
  /** An answer to a request, an error among them. */
  readonly answer: (packet: WritePacket) => void;
  /** A kernel has the event. */
  readonly written: () => void;
  readonly failed: (error: Error) => void;
}

/** The connection that a packet was sent over. */
export interface PacketCarrier {
  /** Nobody waits for the answers any more. */
  drop(packet: OutgoingPacket): void;
}

/** A request or an event of this client, until it is over. */
export class OutgoingPacket {
  /** `undefined` for an event. */
  readonly id: string | undefined;
  /** As the serializer made it. */
  readonly message: unknown;
  readonly timeoutMs: number;
  /** Between two answers. */
  readonly gapTimeoutMs: number;
  readonly outcome: Outcome;
  isOver = false;
  timer: Timer | undefined = undefined;
  /** Set while it is sent and not over. */
  connection: PacketCarrier | undefined = undefined;
  write: WriteFuture | undefined = undefined;

  constructor(
    id: string | undefined,
    message: unknown,
    times: { readonly timeoutMs: number; readonly gapTimeoutMs: number },
    outcome: Outcome,
  ) {
    this.id = id;
    this.message = message;
    this.timeoutMs = times.timeoutMs;
    this.gapTimeoutMs = times.gapTimeoutMs;
    this.outcome = outcome;
  }

  /** False only if no byte of it can have left. */
  get mayHaveLeft(): boolean {
    const { write } = this;
    return write !== undefined && (!write.isSettled || write.mayHaveLeft);
  }

  /** True the first time: what it needed is released. */
  end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.timer?.cancel();
    this.timer = undefined;
    return true;
  }

  fail(error: Error): void {
    if (this.end()) this.outcome.failed(error);
  }
}
