import type { Channel } from '@headrace/core';
import { callSafely } from '@headrace/core/authoring';
import { Work } from '@headrace/handlers/call';
import type { WritePacket } from '@nestjs/microservices';

/** A packet after the deserializer: what Nest's are made of. */
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

/** Ends the answers of a request. */
export interface Unsubscribable {
  unsubscribe(): void;
}

/**
 * A request or an event of a peer, while it is worked on.
 *
 * A request is *open* until its last answer, and *running* until its function has settled. A cancelled one is not
 * open any more, but goes on running, and so keeps its place.
 */
export class IncomingPacket extends Work {
  declare readonly body: ReceivedPacket;
  /** The function has not settled. */
  isRunning = true;
  private readonly owner: PacketOwner;
  private answers: Unsubscribable | undefined = undefined;

  constructor(owner: PacketOwner, channel: Channel, packet: ReceivedPacket) {
    super(channel, packet.id, packet);
    this.owner = owner;
  }

  /** One answer. The promise settles when a serializer that takes its time has made the message. */
  respond(answer: WritePacket): Promise<void> | undefined {
    return this.owner.respond(this, answer);
  }

  /** The function, or what it promised, has settled. */
  settled(): void {
    this.isRunning = false;
    this.owner.settled(this);
  }

  /** The function gave its answers, which go on until they complete or the request is cancelled. */
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
