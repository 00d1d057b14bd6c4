import { isHeadraceError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { NamespaceLog } from './namespace-nodes.ts';
import type { RecoverySession } from './recovery-session.ts';
import { decodeRecord, encodeRecord, recordKeyOf } from './session-record.ts';

/** Time after which a record that could not be written is written again. */
const RETRY_MS = 1000;

/** What a {@link SessionSaver} needs of the namespace. */
export interface SaverOwner {
  readonly namespace: string;
  epoch(): string;
  /** Maximum number of sessions that this process does not have any more, and whose records are not up to date yet. */
  readonly maxLeaving: number;
}

/** What a {@link SessionSaver} works with. */
export interface SaverParts {
  readonly log: NamespaceLog;
  readonly owner: SaverOwner;
  /** Called when this process has nothing more to do with the session. */
  finished(saver: SessionSaver): void;
}

/** Keeps the record of one session up to date, as long as this process has the session. */
export class SessionSaver {
  readonly session: RecoverySession;
  /** The claim of this process. */
  readonly claim: string;
  private readonly key: string;
  private readonly parts: SaverParts;
  private revision: string | undefined;
  private isDirty = false;
  private number = 0;
  private state: 'here' | 'away' | 'ended' | 'over' = 'here';
  private working: Promise<void> | undefined = undefined;
  /** Time at which the record was written last. */
  writtenAt = 0;
  /** Time until which the record of a client that is away is tried to be written. */
  private until = Number.POSITIVE_INFINITY;

  constructor(
    session: RecoverySession,
    claim: string,
    revision: string | undefined,
    parts: SaverParts,
  ) {
    this.session = session;
    this.claim = claim;
    this.key = recordKeyOf(session.key);
    this.revision = revision;
    this.parts = parts;
  }

  /** Resolves when nothing is to be written. */
  async idle(): Promise<void> {
    while (this.working !== undefined) await this.working;
  }

  /** Writes the record soon. */
  save(): void {
    if (this.state === 'over') return;
    this.isDirty = true;
    this.working ??= this.work();
  }

  /** The client is away, or its session has ended. */
  leave(state: 'away' | 'ended'): void {
    if (this.state === 'over') return;
    const { clock, recordMs } = this.parts.log;
    this.state = state;
    this.until = clock.now() + recordMs;
    this.save();
  }

  /** Ends the connection of a client that has come again elsewhere. */
  replaced(): void {
    const { session } = this;
    session.isReplaced = true;
    this.finish();
    session.channel?.parent?.abort('replaced');
  }

  private async work(): Promise<void> {
    // What is changed in one turn is written once.
    await Promise.resolve();
    while (this.isDirty && this.state !== 'over') {
      this.isDirty = false;
      try {
        await (this.state === 'ended' ? this.remove() : this.write());
      } catch (thrown) {
        if (this.failed(toError(thrown))) await this.pause();
      }
    }
    this.working = undefined;
    if (this.state === 'away' || this.state === 'ended') this.finish();
  }

  private async write(): Promise<void> {
    const { session, key, claim } = this;
    const { log, owner } = this.parts;
    const bytes = encodeRecord({
      version: 1,
      owner: claim,
      epoch: owner.epoch(),
      number: ++this.number,
      session: session.saved,
    });
    const revision = await log.records.write(key, bytes, this.revision);
    if (revision === undefined) {
      await this.conflict();
      return;
    }
    this.revision = revision;
    this.writtenAt = log.clock.now();
  }

  /** Somebody else has written the record, it is gone, or an answer was lost. */
  private async conflict(): Promise<void> {
    const known = await this.parts.log.records.read(this.key);
    const owner = known && decodeRecord(known.bytes)?.owner;
    if (known !== undefined && owner !== this.claim) {
      this.replaced();
      return;
    }
    // What the client has missed at the node that has removed its record is unknown.
    if (known === undefined) this.session.lost();
    this.revision = known?.revision;
    this.isDirty = true;
  }

  private async remove(): Promise<void> {
    const { records } = this.parts.log;
    if (this.revision !== undefined) await records.remove(this.key, this.revision);
  }

  /** Returns true if the record is to be written again later. */
  private failed(error: Error): boolean {
    const { log, owner } = this.parts;
    // Data that JSON cannot express, or too much of it, is no better later.
    const isLasting = !isHeadraceError(error) || isHeadraceError(error, 'MESSAGE_TOO_LONG');
    this.isDirty = isLasting ? this.state !== 'ended' : log.clock.now() < this.until;
    if (!isLasting && this.isDirty) return true;
    log.logger.log('warn', `the session of a client of ${owner.namespace} is not kept`, error);
    // An older record would bring back older rooms.
    if (isLasting) this.state = 'ended';
    return false;
  }

  private pause(): Promise<void> {
    const { clock } = this.parts.log;
    return new Promise((resolve) => void clock.deadlines.schedule(resolve, RETRY_MS));
  }

  /** Writes nothing more. */
  finish(): void {
    this.state = 'over';
    this.parts.finished(this);
  }
}
