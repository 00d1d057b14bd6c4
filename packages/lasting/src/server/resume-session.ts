import type { CloseInfo, Timer } from '@headrace/core';
import type { KnownOrStranger } from '@headrace/core/authoring';
import { AuthHandler, principalOf } from '@headrace/handlers';
import { absentError, goneError, type LastingChannel } from '../channel/lasting-channel.ts';
import type { ResumeLink } from '../channel/present-link.ts';
import type { ResumeOwner, ResumeTransportOptions } from '../channel/resume-owner.ts';
import { GONE_CODE } from '../protocol/resume-frame.ts';
import type { GoneReason } from './gone-reason.ts';
import type { Description, JournalLog } from './journal-owner.ts';
import { type LoggedOwner, LoggedTransport } from './logged-transport.ts';
import { checkedData, principalFrom } from './plain-data.ts';
import { SessionTransport } from './session-transport.ts';

/** The part of the table that a session needs. */
export interface SessionTable {
  /** Called when the session has a link again. */
  attached(session: ResumeSession): void;
  /** Called when the session has lost this link and has no other. */
  detached(session: ResumeSession, link: ResumeLink): void;
  /** Called when a session without a link keeps more bytes. */
  grew(session: ResumeSession): void;
  /** Called when the session has ended. If `isKnown`, a returning client is notified of the reason. */
  ended(session: ResumeSession, isKnown: boolean): void;
}

/** The place of a session: here, on its way to or from another process, or there. */
export type SessionPlace = 'here' | 'leaving' | 'arriving' | 'moved';

/** A lasting channel of a server, from its OPEN or its arrival from another process to its end. */
export class ResumeSession implements ResumeOwner, KnownOrStranger, LoggedOwner {
  readonly transport: SessionTransport;
  /** Bytes that the table has counted while the client is absent; -1 while it has a link. */
  countedBytes = -1;
  /** Last network of the absent client. */
  network = '';
  /** Whether the absent client counts as a stranger. */
  isStranger = false;
  /** Maximum length of the current absence, if the application sets a maximum for the lost link. */
  absenceMs = Number.POSITIVE_INFINITY;
  /** Timer of the window. */
  timer: Timer | undefined = undefined;
  /** Reason that a returning client receives after the end. */
  goneReason: GoneReason = 'ended';
  /** Where its client finds it. */
  place: SessionPlace = 'here';
  /** Time at which this process gave the session up. */
  leftAt = 0;
  /** Returns the application's state for other processes. */
  save: ((channel: LastingChannel) => unknown) | undefined = undefined;
  private readonly table: SessionTable;

  /** @param log - log of the table, if any */
  constructor(
    options: Omit<ResumeTransportOptions, 'owner'>,
    table: SessionTable,
    log: JournalLog | undefined,
  ) {
    this.table = table;
    const owned = { ...options, owner: this };
    this.transport =
      log === undefined ? new SessionTransport(owned) : new LoggedTransport(owned, this, log);
  }

  /** The transport, if the table has a log. */
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

  /** Whether the channel has a principal, set by an AuthHandler or by the application's own sign-in. */
  get isKnown(): boolean {
    const { channel } = this.transport;
    return channel !== undefined && principalOf(channel) !== undefined;
  }

  /** Maximum absence of the client; 0 before the sign-in that an AuthHandler of the pipeline requires. */
  get windowMs(): number {
    const awaitsSignIn = this.transport.channel?.pipeline.get(AuthHandler) !== undefined;
    if (awaitsSignIn && !this.isKnown) return 0;
    return Math.min(this.transport.windowMs, this.absenceMs);
  }

  get outlivesChannel(): boolean {
    return true;
  }

  /** Whether the client has not signed in where a sign-in is required, so that nothing is kept for it. */
  get isStrange(): boolean {
    return this.windowMs === 0;
  }

  /** Ends the session because its client did not return in time. */
  expire(): void {
    const error = absentError(this.windowMs, this.transport.unacknowledged().length);
    this.transport.expire({ reason: 'unreachable', by: 'network', error });
  }

  /** Ends the session because the table must give it up. */
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

  /** Ends the session here because another process has it. */
  moveAway(): void {
    this.place = 'moved';
    this.leftAt = this.transport.clock.now();
    this.transport.moveAway();
  }

  /** Ends the session because the server shuts down. */
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
    if (this.transport.isRefused) this.goneReason = 'refused';
    this.logged?.journal.over(this.place === 'moved');
    const isKnown = this.place === 'moved' || this.goneReason !== 'ended';
    this.table.ended(this, isKnown);
  }
}
