import type { Channel, Clock } from '@headrace/core';
import type { RecoverySession } from './recovery-session.ts';

/** Where a namespace keeps the sessions of its clients. */
export interface Sessions {
  /** The sessions that this process keeps. */
  readonly all: Iterable<RecoverySession>;
  /** Whether another process may have sessions. Then {@link bring} is called for each client that comes again. */
  readonly areShared: boolean;
  /** Whether no process of the namespace can have a session. */
  readonly isEmpty: boolean;
  /** Returns the channel of a session whose client comes again before its end was noticed. */
  holderOf(key: unknown): Channel | undefined;
  /** Takes the session of a client that is away. */
  take(key: unknown): RecoverySession | undefined;
  /** Takes a session that another process may have. Call {@link take} with its key, or {@link leave}. */
  bring(key: unknown): Promise<RecoverySession | undefined>;
  add(session: RecoverySession, clock: Clock): void;
  /** Called when the rooms or the data of a session may have changed. */
  changed(session: RecoverySession): void;
  /** Keeps a session whose client is away. */
  leave(session: RecoverySession): void;
  /** Forgets a session. */
  end(session: RecoverySession): void;
  /** Whether a session was taken over by another owner. */
  isReplaced(session: RecoverySession, owner: string): boolean;
}

/** The sessions in the memory of this process. */
export class LocalSessions implements Sessions {
  readonly areShared = false;
  private readonly maxAwayMs: number;
  private readonly maxAway: number;
  private readonly byKey = new Map<unknown, RecoverySession>();
  /** Sessions of clients that are away, in the order in which they left. */
  private readonly away = new Set<RecoverySession>();
  private readonly ended: () => void;
  private clock: Clock | undefined = undefined;

  /** @param ended - called when a session was forgotten */
  constructor(maxAwayMs: number, maxAway: number, ended: () => void) {
    this.maxAwayMs = maxAwayMs;
    this.maxAway = maxAway;
    this.ended = ended;
  }

  get all(): Iterable<RecoverySession> {
    return this.byKey.values();
  }

  get isEmpty(): boolean {
    return this.byKey.size === 0;
  }

  holderOf(key: unknown): Channel | undefined {
    return this.byKey.get(key)?.channel;
  }

  take(key: unknown): RecoverySession | undefined {
    const known = this.byKey.get(key);
    if (known === undefined || !this.away.delete(known)) return undefined;
    known.timer?.cancel();
    return known;
  }

  async bring(): Promise<undefined> {}

  add(session: RecoverySession, clock: Clock): void {
    this.clock = clock;
    this.byKey.set(session.key, session);
  }

  changed(): void {}

  leave(session: RecoverySession): void {
    const { away, clock, maxAwayMs } = this;
    away.add(session);
    session.timer = clock!.deadlines.schedule(() => this.end(session), maxAwayMs);
    const [first] = away;
    if (away.size > this.maxAway) this.end(first!);
  }

  end(session: RecoverySession): void {
    session.timer?.cancel();
    this.away.delete(session);
    this.byKey.delete(session.key);
    this.ended();
  }

  isReplaced(): boolean {
    return false;
  }
}
