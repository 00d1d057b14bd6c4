import { addressKey } from '@headrace/handlers';
import { AbsentNetworks } from './absent-networks.ts';
import type { ResumeSession } from './resume-session.ts';

/** The network of all clients that have no address: of a path, or in memory. */
const NOWHERE = '';

/**
 * The lasting channels that have no link now. Those of clients that have signed in come after all others when one has
 * to be given up, so that strangers do not push them out.
 */
export class AbsentSessions {
  /** Bytes that are kept for all of them together. */
  bytes = 0;
  private readonly signedIn = new AbsentNetworks();
  private readonly strangers = new AbsentNetworks();

  get size(): number {
    return this.signedIn.size + this.strangers.size;
  }

  add(session: ResumeSession): void {
    session.countedBytes = 0;
    session.network = addressKey(session.transport.remoteAddress) ?? NOWHERE;
    session.isStranger = !session.isSignedIn;
    this.among(session).add(session);
  }

  /** Those among which an absent one is counted. */
  private among({ isStranger }: ResumeSession): AbsentNetworks {
    return isStranger ? this.strangers : this.signedIn;
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
    this.among(session).remove(session);
  }

  /** The one to be given up first. */
  get first(): ResumeSession | undefined {
    return this.stranger(() => this.strangers.first) ?? this.signedIn.first;
  }

  /** If more strangers than this have the network of this one, the one of them to be given up first. */
  excessOf({ network }: ResumeSession, most: number): ResumeSession | undefined {
    if (network === NOWHERE) return undefined;
    return this.stranger(() => {
      const same = this.strangers.of(network);
      return same !== undefined && same.size > most ? same.oldest : undefined;
    });
  }

  /** The next one that still is a stranger: those that have signed in while they were absent are strangers no more. */
  private stranger(next: () => ResumeSession | undefined): ResumeSession | undefined {
    for (;;) {
      const session = next();
      if (session === undefined || !session.isSignedIn) return session;
      this.strangers.remove(session);
      session.isStranger = false;
      this.signedIn.add(session);
    }
  }

  get all(): ResumeSession[] {
    return [...this.strangers.all, ...this.signedIn.all];
  }
}
