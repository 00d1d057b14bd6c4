import type { PublishOutcome } from '@headrace/bus';
import type { Body } from '../envelope/body.ts';
import { BEGINS, FLUSH, KIND } from '../envelope/envelope.ts';
import type { Wire } from '../node/wire.ts';

/** Size of unflushed messages at which they are sent without a flush. */
const MAX_UNFLUSHED_BYTES = 1024 * 1024;

/** The messages of a group to members of other nodes. As in a channel, written messages are sent with the flush. */
export class Outgoing {
  private readonly wire: Wire;
  private readonly subject: string;
  private bodies: Body[] = [];
  private bytes = 0;
  private isBegun = false;
  readonly counts: Record<PublishOutcome, number> = { sent: 0, kept: 0, dropped: 0 };

  constructor(wire: Wire, subject: string) {
    this.wire = wire;
    this.subject = subject;
  }

  /** Whether no message waits for the flush. */
  get isEmpty(): boolean {
    return this.bodies.length === 0;
  }

  /** Releases the number line of a freed group. */
  end(): void {
    this.wire.end(this.subject);
    this.isBegun = false;
  }

  write(body: Body): void {
    this.bodies.push(body);
    this.bytes += body.body.byteLength;
    if (this.bytes >= MAX_UNFLUSHED_BYTES) this.flush();
  }

  flush(): void {
    const { bodies } = this;
    if (bodies.length === 0) return;
    this.bodies = [];
    this.bytes = 0;
    const last = bodies.length - 1;
    const begins = this.isBegun || this.wire.begin(this.subject) ? 0 : BEGINS;
    this.isBegun = true;
    bodies.forEach((body, i) => {
      const flags = (i === last ? FLUSH : 0) | (i === 0 ? begins : 0);
      this.counts[this.wire.send(this.subject, KIND.broadcast, body, flags)] += 1;
    });
  }
}
