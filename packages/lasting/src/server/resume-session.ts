import type { CloseInfo, Timer } from '@headrace/core';
import type { KnownOrStranger } from '@headrace/core/authoring';
import { AuthHandler, principalOf } from '@headrace/handlers';
import { absentError, goneError, type LastingChannel } from '../channel/lasting-channel.ts';
import type { ResumeLink } from '../channel/present-link.ts';
import type { ResumeOwner, ResumeTransportOptions } from '../channel/resume-owner.ts';
import { ResumeTransport } from '../channel/resume-transport.ts';
import { GONE_CODE } from '../protocol/resume-frame.ts';
import type { GoneReason } from './gone-reason.ts';
import type { Description, JournalLog } from './journal-owner.ts';
import { type LoggedOwner, LoggedTransport } from './logged-transport.ts';
import { checkedData, principalFrom } from './plain-data.ts';

/** The part of the table that a session needs. */
export interface SessionTable {
  /** The session has a link again. */
  attached(session: ResumeSession): void;
  /** The session has no link now; this was its last one. */
  detached(session: ResumeSession, link: ResumeLink): void;
  /** It keeps more than before, and has no link. */
  grew(session: ResumeSession): void;
  /** It has ended; if `isKnown`, a client that comes back gets the reason. */
  ended(session: ResumeSession, isKnown: boolean): void;
}

/** Here, on its way to or from another process, or there. */
export type SessionPlace = 'here' | 'leaving' | 'arriving' | 'moved';

/** One lasting channel of a server, from its OPEN, or from another process, to its end. */
export class ResumeSession implements ResumeOwner, KnownOrStranger, LoggedOwner {
  readonly transport: ResumeTransport;
  /** Bytes that the table has counted for it while it is absent; -1 while it has a link. */
  countedBytes = -1;
  /** The network where its client was last, while it is absent. */
  network = '';
  /** It is counted among those that have not signed in, while it is absent. */
  isStranger = false;
  /** How long the present absence may last, where the application says so for how its link ended. */
  absenceMs = Number.POSITIVE_INFINITY;
  /** The end of its window. */
  timer: Timer | undefined = undefined;
  /** For a client that comes back after the end. */
  goneReason: GoneReason = 'ended';
  /** Where its client finds it. */
  place: SessionPlace = 'here';
  /** Another process had it, or may have it: a secret that is not known here may be right there. */
  hasTraveled = false;
  /** What the application knows of it, for other processes. */
  save: ((channel: LastingChannel) => unknown) | undefined = undefined;
  private readonly table: SessionTable;

  /** @param log - of the table, if it has one */
  constructor(
    options: Omit<ResumeTransportOptions, 'owner'>,
    table: SessionTable,
    log: JournalLog | undefined,
  ) {
    this.table = table;
    const owned = { ...options, owner: this };
    this.transport =
      log === undefined ? new ResumeTransport(owned) : new LoggedTransport(owned, this, log);
  }

  /** Its transport, if its table has a log. */
  get logged(): LoggedTransport | undefined {
    return this.transport instanceof LoggedTransport ? this.transport : undefined;
  }

  get isLogged(): boolean {
    return this.transport.channel !== undefined && !this.isStrange;
  }

  describe(): Description | undefined {
    const { channel, isOver } = this.transport;
    if (channel?.isOpen !== true || isOver) return undefined;
    const saved = checkedData('what save returned', this.save?.(channel as LastingChannel));
    return { isKnown: this.isKnown, principal: principalFrom(channel, saved), saved };
  }

  lost(): void {
    this.logged?.journal.over(true);
    this.transport.expire({ reason: 'moved', by: 'network', error: undefined });
  }

  get placeId(): string {
    return this.transport.id;
  }

  /** Its channel has a principal: of an AuthHandler, or of a sign-in of the application's own. */
  get isKnown(): boolean {
    const { channel } = this.transport;
    return channel !== undefined && principalOf(channel) !== undefined;
  }

  /** How long its client may be absent: not at all, before the sign-in that an AuthHandler of its pipeline waits for. */
  get windowMs(): number {
    const awaitsSignIn = this.transport.channel?.pipeline.get(AuthHandler) !== undefined;
    if (awaitsSignIn && !this.isKnown) return 0;
    return Math.min(this.transport.windowMs, this.absenceMs);
  }

  get outlivesChannel(): boolean {
    return true;
  }

  /** Its client cannot have it signed in yet: there is nothing to keep for it. */
  get isStrange(): boolean {
    return this.windowMs === 0;
  }

  /** Its client did not come back in time. */
  expire(): void {
    const error = absentError(this.windowMs, this.transport.unacknowledged().length);
    this.transport.expire({ reason: 'unreachable', by: 'network', error });
  }

  /** The table must give it up. */
  evict(): void {
    this.goneReason = 'limit';
    const { length } = this.transport.unacknowledged();
    const error = goneError(
      GONE_CODE.limit,
      'more clients were absent than the limit allows',
      length,
    );
    this.transport.expire({ reason: 'limit', by: 'local', error });
  }

  /** Another process has it. */
  moveAway(): void {
    this.place = 'moved';
    this.transport.moveAway();
  }

  /** It is unknown whether another process has it: its client decides. */
  contest(): void {
    this.hasTraveled = true;
    this.transport.contest();
  }

  /** It came from another process, which keeps it. */
  giveBack(): void {
    this.transport.expire({ reason: 'refused', by: 'local', error: undefined });
  }

  /** The server shuts down. */
  shut(): void {
    const { length } = this.transport.unacknowledged();
    const error = goneError(GONE_CODE.unknown, 'the server shuts down', length);
    this.transport.expire({ reason: 'shutdown', by: 'local', error });
  }

  begin(): void {}

  attached(): void {
    this.table.attached(this);
  }

  detached(link: ResumeLink): void {
    this.table.detached(this, link);
  }

  grew(): void {
    if (this.countedBytes >= 0) this.table.grew(this);
  }

  gone(): void {}

  moved(): void {}

  finished(info: CloseInfo | undefined): void {
    if (info?.reason === 'slow-consumer') this.goneReason = 'overrun';
    const isElsewhere = this.hasTraveled && info?.reason === 'unreachable';
    this.logged?.journal.over(this.place === 'moved');
    const isKnown = this.place === 'moved' || isElsewhere || this.goneReason !== 'ended';
    this.table.ended(this, isKnown);
  }
}
