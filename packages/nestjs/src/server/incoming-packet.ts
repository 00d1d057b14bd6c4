import type { Channel } from '@headrace/core';
import { callSafely } from '@headrace/core/authoring';
import { Work } from '@headrace/handlers/call';
import type { WritePacket } from '@nestjs/microservices';

/** A packet after the deserializer, from which Nest's packets are made. */
export interface ReceivedPacket {
  readonly pattern: unknown;
  readonly data: unknown;
  readonly id?: string | number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The receiver of an {@link IncomingPacket}'s reports. */
export interface PacketOwner {
  respond(incoming: IncomingPacket, answer: WritePacket): Promise<void> | undefined;
  settled(incoming: IncomingPacket): void;
}

/** A subscription that can end the answers of a request. */
export interface Unsubscribable {
  unsubscribe(): void;
}

/**
 * A peer's request or event that is being handled.
 *
 * A request is *open* until its last answer, and *running* until its function has settled. A canceled request is no longer
 * open, but continues to run, and therefore keeps its place.
 */
export class IncomingPacket extends Work {
  declare readonly body: ReceivedPacket;
  /** Whether the function has not settled yet. */
  isRunning = true;
  private readonly owner: PacketOwner;
  private answers: Unsubscribable | undefined = undefined;

  constructor(owner: PacketOwner, channel: Channel, packet: ReceivedPacket) {
    super(channel, packet.id, packet);
    this.owner = owner;
  }

  /** Sends an answer. The promise settles when an asynchronous serializer has created the message. */
  respond(answer: WritePacket): Promise<void> | undefined {
    return this.owner.respond(this, answer);
  }

  settled(): void {
    this.isRunning = false;
    this.owner.settled(this);
  }

  /** Notes the subscription to the answers, which continue until they complete or the request is canceled. */
  answering(answers: Unsubscribable): void {
    this.answers = answers;
    if (!this.isOpen) this.endAnswers();
  }

  override abort(reason?: unknown): void {
    super.abort(reason);
    this.endAnswers();
  }

  private endAnswers(): void {
    const { channel } = this;
    callSafely(
      () => this.answers?.unsubscribe(),
      undefined,
      (error) => channel.logger.log('error', `${channel} could not end the answers`, error),
    );
  }
}
