import { Fifo, unpinned } from '@headrace/core/authoring';
import type { Envelope } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { MemberPace } from './member-pace.ts';

/**
 * Maximum size of messages that wait for members of this node, for all groups and users. Above this size, the oldest message is
 * written anyway.
 */
export const MAX_KEPT_BYTES = 32 * 1024 * 1024;
/** Bytes that a kept message takes besides its body. */
const ENVELOPE_BYTES = 256;

/** Messages of other nodes. Messages of a burst wait until the members have sent the earlier messages. */
export class PacedMessages {
  private readonly context: ClusterContext;
  private readonly subject: string;
  private readonly pace: MemberPace;
  private readonly deliver: (envelope: Envelope) => void;
  private readonly kept = new Fifo<Envelope>();
  private isDeliveryDue = false;

  /** @param deliver - a function that delivers a message; its error for a message that waited counts as a fault of the sender */
  constructor(
    context: ClusterContext,
    subject: string,
    pace: MemberPace,
    deliver: (envelope: Envelope) => void,
  ) {
    this.context = context;
    this.subject = subject;
    this.pace = pace;
    this.deliver = deliver;
  }

  /** Whether new messages must wait. */
  get isHeld(): boolean {
    return this.pace.isHeld || !this.kept.isEmpty;
  }

  /** Returns true if a message must wait. The message is delivered when the members accept more. */
  keeps(envelope: Envelope): boolean {
    const { isHeld } = this;
    if (isHeld) this.keep(envelope);
    return isHeld;
  }

  /**
   * Delivers all waiting messages now, even to members that are not writable. A later action must not overtake the waiting
   * messages.
   */
  deliverAll(): void {
    while (!this.kept.isEmpty) this.deliverOldest();
  }

  /** Drops the waiting messages, because no member is left. */
  clear(): void {
    while (!this.kept.isEmpty) this.takeOut();
  }

  private keep(envelope: Envelope): void {
    const { kept, context } = this;
    this.deliverLater();
    kept.push({ ...envelope, body: unpinned(envelope.body) });
    context.waiting.bytes += sizeOf(envelope);
    while (context.waiting.bytes > MAX_KEPT_BYTES && !kept.isEmpty) this.deliverOldest();
  }

  private deliverLater(): void {
    if (this.isDeliveryDue) return;
    this.isDeliveryDue = true;
    this.pace.onceFree(this.deliverKept);
  }

  private readonly deliverKept = (): void => {
    const { kept, pace } = this;
    while (!kept.isEmpty && !pace.isHeld) this.deliverOldest();
    this.isDeliveryDue = false;
    if (!kept.isEmpty) this.deliverLater();
  };

  private deliverOldest(): void {
    const envelope = this.takeOut();
    try {
      this.deliver(envelope);
    } catch (thrown) {
      this.context.wire.reportFault(envelope, this.subject, thrown);
    }
  }

  private takeOut(): Envelope {
    const envelope = this.kept.shift()!;
    this.context.waiting.bytes -= sizeOf(envelope);
    return envelope;
  }
}

function sizeOf({ body }: Envelope): number {
  return body.byteLength + ENVELOPE_BYTES;
}
