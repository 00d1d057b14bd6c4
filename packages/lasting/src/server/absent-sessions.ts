import { addressKey } from '@headrace/handlers';
import type { ResumeSession } from './resume-session.ts';

/**
 * The lasting channels that have no link now. Those of clients that have signed in come after all others when one has
 * to be given up, so that strangers do not push them out.
 */
export class AbsentSessions {
  /** Bytes that are kept for all of them together. */
  bytes = 0;
  /** The longest absent one first, in each of these. */
  private readonly signedIn = new Set<ResumeSession>();
  private readonly strangers = new Set<ResumeSession>();
  /** Strangers by their address. */
  private readonly ofAddress = new Map<string, Set<ResumeSession>>();

  get size(): number {
    return this.signedIn.size + this.strangers.size;
  }

  add(session: ResumeSession): void {
    session.countedBytes = 0;
    if (session.isSignedIn) {
      this.signedIn.add(session);
      return;
    }
    this.strangers.add(session);
    const address = addressKey(session.transport.remoteAddress);
    session.absentAt = address;
    if (address === undefined) return;
    let same = this.ofAddress.get(address);
    if (same === undefined) {
      same = new Set();
      this.ofAddress.set(address, same);
    }
    same.add(session);
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
    if (this.signedIn.delete(session)) return;
    this.strangers.delete(session);
    const { absentAt } = session;
    if (absentAt === undefined) return;
    const same = this.ofAddress.get(absentAt)!;
    same.delete(session);
    if (same.size === 0) this.ofAddress.delete(absentAt);
  }

  /** The one to be given up first. */
  first(): ResumeSession | undefined {
    const [stranger] = this.strangers;
    if (stranger !== undefined) return stranger;
    const [longest] = this.signedIn;
    return longest;
  }

  /** If more strangers than this have the address of this one, the one of them to be given up first. */
  excessOf({ absentAt }: ResumeSession, most: number): ResumeSession | undefined {
    const same = absentAt === undefined ? undefined : this.ofAddress.get(absentAt);
    if (same === undefined || same.size <= most) return undefined;
    const [longest] = same;
    return longest;
  }

  all(): ResumeSession[] {
    return [...this.strangers, ...this.signedIn];
  }
}
