import type { Channel, Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { randomText } from '../engine/random-text.ts';
import type { NamespaceLog } from './namespace-nodes.ts';
import { RecoverySession } from './recovery-session.ts';
import { decodeRecord, encodeRecord, recordKeyOf } from './session-record.ts';
import { type SaverOwner, type SaverParts, SessionSaver } from './session-saver.ts';
import type { Sessions } from './sessions.ts';

/** Number of random bytes of a claim. */
const CLAIM_BYTES = 12;
/** The form of a key. Nothing else is looked up. */
const KEY = /^[\w-]{24}$/;
const CLAIM_TRIES = 5;
/** Part of the life of a record after which it is written again. */
const REFRESH_SHARE = 4;
/** Looks at the records in the life of one. */
const LOOKS = 64;

/**
 * The sessions of all nodes, in records of their store. A process writes the record of a session while the client is here, and when it
 * leaves. So another node can take the session over even after a kill. The node that claims a record last has the session.
 */
export class SharedSessions implements Sessions {
  readonly areShared = true;
  readonly isEmpty = false;
  private readonly log: NamespaceLog;
  private readonly owner: SaverOwner;
  private readonly parts: SaverParts;
  private readonly savers = new Map<string, SessionSaver>();
  /** Those of clients that have left, in the order in which they left. */
  private readonly leaving = new Set<SessionSaver>();
  private refreshing: Timer | undefined = undefined;

  constructor(log: NamespaceLog, owner: SaverOwner) {
    this.log = log;
    this.owner = owner;
    this.parts = { log, owner, finished: (saver) => this.finished(saver) };
  }

  get all(): Iterable<RecoverySession> {
    return Array.from(this.savers.values(), ({ session }) => session);
  }

  holderOf(key: unknown): Channel | undefined {
    return this.savers.get(key as string)?.session.channel;
  }

  take(): undefined {}

  async bring(key: unknown): Promise<RecoverySession | undefined> {
    if (typeof key !== 'string' || !KEY.test(key)) return undefined;
    const { log } = this;
    try {
      return await log.limited(
        () => this.claim(key),
        (late) => late && this.leave(late),
      );
    } catch (thrown) {
      const text = `a client of ${this.owner.namespace} that comes again is taken for a new one`;
      log.logger.log('warn', text, toError(thrown));
      return undefined;
    }
  }

  private async claim(key: string): Promise<RecoverySession | undefined> {
    const { log, owner } = this;
    await this.savers.get(key)?.idle();
    const recordKey = recordKeyOf(key);
    // This node has just begun.
    if (owner.epoch() === '') await log.caughtUp();
    for (let tries = 0; tries < CLAIM_TRIES; tries++) {
      const known = await log.records.read(recordKey);
      const record = known && decodeRecord(known.bytes);
      if (record === undefined || record.epoch !== owner.epoch()) return undefined;
      const claim = randomText(CLAIM_BYTES);
      const bytes = encodeRecord({ ...record, owner: claim, number: 0 });
      const revision = await log.records.write(recordKey, bytes, known!.revision);
      // The other node has written it meanwhile.
      if (revision === undefined) continue;
      const session = new RecoverySession(key, record.session);
      if (record.epoch !== owner.epoch()) session.lost();
      this.keep(new SessionSaver(session, claim, revision, this.parts));
      log.claimed(session.id, claim);
      return session;
    }
    return undefined;
  }

  add(session: RecoverySession): void {
    const claim = randomText(CLAIM_BYTES);
    // It is written when its channel is open, and not for a client that leaves at once.
    this.keep(new SessionSaver(session, claim, undefined, this.parts));
  }

  private keep(saver: SessionSaver): void {
    const { key } = saver.session;
    const before = this.savers.get(key);
    this.savers.set(key, saver);
    before?.replaced();
    this.refreshSoon();
  }

  /** Returns `undefined` for a session that was taken over, or cannot be kept. */
  private saverOf(session: RecoverySession): SessionSaver | undefined {
    const saver = this.savers.get(session.key);
    return saver?.session === session ? saver : undefined;
  }

  private finished(saver: SessionSaver): void {
    const { key } = saver.session;
    this.leaving.delete(saver);
    if (this.savers.get(key) === saver) this.savers.delete(key);
  }

  private refreshSoon(): void {
    const { clock, recordMs } = this.log;
    this.refreshing ??= clock.schedule(() => this.refresh(), recordMs / LOOKS);
  }

  /** Writes records again before the store forgets them. */
  private refresh(): void {
    const { clock, recordMs } = this.log;
    this.refreshing = undefined;
    const due = clock.now() - recordMs / REFRESH_SHARE;
    for (const saver of this.savers.values()) if (saver.writtenAt <= due) saver.save();
    if (this.savers.size > 0) this.refreshSoon();
  }

  changed(session: RecoverySession): void {
    this.saverOf(session)?.save();
  }

  leave(session: RecoverySession): void {
    this.left(session, 'away');
  }

  end(session: RecoverySession): void {
    this.left(session, 'ended');
  }

  private left(session: RecoverySession, state: 'away' | 'ended'): void {
    const saver = this.saverOf(session);
    if (saver === undefined) return;
    this.leaving.add(saver);
    saver.leave(state);
    const [first] = this.leaving;
    if (this.leaving.size > this.owner.maxLeaving) first!.finish();
  }

  isReplaced(session: RecoverySession, owner: string): boolean {
    const saver = this.saverOf(session);
    return saver !== undefined && saver.claim !== owner;
  }

  /** Resolves when all records are written. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.savers.values(), (saver) => saver.idle()));
  }
}
