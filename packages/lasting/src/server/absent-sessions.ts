import { StrangersFirst } from '@headrace/core/authoring';
import { addressKey } from '@headrace/handlers';
import type { ResumeSession } from './resume-session.ts';

/**
 * The lasting channels without a link. When the table must give up a channel, channels of signed-in clients come last, so that
 * strangers do not displace these clients.
 */
export class AbsentSessions {
  /** Total number of bytes kept for these channels. */
  bytes = 0;
  private readonly places = new StrangersFirst<ResumeSession>();

  get size(): number {
    return this.places.size;
  }

  add(session: ResumeSession): void {
    session.countedBytes = 0;
    this.places.add(session, addressKey(session.transport.remoteAddress));
  }

  /** Updates the counted bytes of a session. */
  count(session: ResumeSession): void {
    const { keptBytes } = session.transport;
    this.bytes += keptBytes - session.countedBytes;
    session.countedBytes = keptBytes;
  }

  /** Removes a session that has a link again, or has ended. */
  remove(session: ResumeSession): void {
    if (session.countedBytes < 0) return;
    this.bytes -= session.countedBytes;
    session.countedBytes = -1;
    this.places.remove(session);
  }

  /** The session to give up first. */
  get first(): ResumeSession | undefined {
    return this.places.first;
  }

  /** Returns the stranger to give up first in this session's network, if that network has more strangers than `most`. */
  excessOf({ network }: ResumeSession, most: number): ResumeSession | undefined {
    return this.places.excessOf(network, most);
  }

  get all(): ResumeSession[] {
    return this.places.all;
  }
}
