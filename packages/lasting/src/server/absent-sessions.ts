import { StrangersFirst } from '@headrace/core/authoring';
import { addressKey } from '@headrace/handlers';
import type { ResumeSession } from './resume-session.ts';

/**
 * The lasting channels that have no link now. Those of clients that have signed in come after all others when one has
 * to be given up, so that strangers do not push them out.
 */
export class AbsentSessions {
  /** Bytes that are kept for all of them together. */
  bytes = 0;
  private readonly places = new StrangersFirst<ResumeSession>();

  get size(): number {
    return this.places.size;
  }

  add(session: ResumeSession): void {
    session.countedBytes = 0;
    this.places.add(session, addressKey(session.transport.remoteAddress));
  }

  /** Counts a session's bytes again, which may have changed. */
  count(session: ResumeSession): void {
    const { keptBytes } = session.transport;
    this.bytes += keptBytes - session.countedBytes;
    session.countedBytes = keptBytes;
  }

  /** It has a link again, or has ended. */
  remove(session: ResumeSession): void {
    if (session.countedBytes < 0) return;
    this.bytes -= session.countedBytes;
    session.countedBytes = -1;
    this.places.remove(session);
  }

  /** The one to be given up first. */
  get first(): ResumeSession | undefined {
    return this.places.first;
  }

  /** If more strangers than this have the network of this one, the one of them to be given up first. */
  excessOf({ network }: ResumeSession, most: number): ResumeSession | undefined {
    return this.places.excessOf(network, most);
  }

  get all(): ResumeSession[] {
    return this.places.all;
  }
}
