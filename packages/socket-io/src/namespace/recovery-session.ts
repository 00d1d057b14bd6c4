import type { Channel, Timer } from '@headrace/core';

/** A room that a client has left, with the events that it got there: those after one number and through another. */
interface FormerRoom {
  readonly room: string;
  readonly after: number;
  readonly through: number;
}

/** Rooms that a client has left and that are remembered. */
const MAX_FORMER = 256;

/** A session as another process can continue it. */
export interface SavedSession {
  readonly id: string;
  readonly after: number;
  readonly rooms: readonly (readonly [string, number])[];
  readonly former: readonly FormerRoom[];
  readonly forgotten: number;
  readonly hasLost: boolean;
  readonly data: Record<string, unknown>;
}

/** A client of a namespace over all its connections: who it is, and which events are for it. */
export class RecoverySession {
  /** Id of the client, which others can learn. */
  readonly id: string;
  /** Key of the session, which only the client knows. */
  readonly key: string;
  /** What the application keeps for the client. */
  readonly data: Record<string, unknown>;
  /** Number of the last event that the client has, as far as it is known. */
  after: number;
  /** Channel of the client; `undefined` while it is away. */
  channel: Channel | undefined = undefined;
  /** Number of the newest event that was sent before the last ping. */
  pinged = 0;
  /** Ends the session of a client that stays away. */
  timer: Timer | undefined = undefined;
  /** Whether the client was here before. */
  isRecovered = false;
  /** Whether another connection of the client has taken the session over. */
  isReplaced = false;
  /** The rooms, each with the number of the newest event when the client joined. */
  private readonly joined: Map<string, number>;
  private former: FormerRoom[];
  /** Number of the last event of a former room that is not remembered. */
  private forgotten: number;
  private hasLost: boolean;

  constructor(key: string, saved: Pick<SavedSession, 'id' | 'after'> & Partial<SavedSession>) {
    this.key = key;
    this.id = saved.id;
    this.after = saved.after;
    this.data = saved.data ?? {};
    this.joined = new Map(saved.rooms);
    this.former = [...(saved.former ?? [])];
    this.forgotten = saved.forgotten ?? 0;
    this.hasLost = saved.hasLost ?? false;
  }

  get saved(): SavedSession {
    const { id, after, former, forgotten, hasLost, data } = this;
    return { id, after, rooms: [...this.joined], former, forgotten, hasLost, data };
  }

  /** Whether it is known which events the client can have missed: none was lost, and all its rooms are known. */
  get knowsMissed(): boolean {
    return !this.hasLost && this.after >= this.forgotten;
  }

  /** Number of the newest event that was sent when something here was noted. */
  get noted(): number {
    const { after, former } = this;
    let noted = Math.max(after, former.at(-1)?.through ?? 0);
    for (const number of this.joined.values()) noted = Math.max(noted, number);
    return noted;
  }

  /** Events were lost that can have been for the client. */
  lost(): void {
    this.hasLost = true;
  }

  get rooms(): Iterable<string> {
    return this.joined.keys();
  }

  joins(room: string, newest: number): void {
    if (!this.joined.has(room)) this.joined.set(room, newest);
  }

  /** @param from - number after which all events are kept */
  leaves(room: string, newest: number, from: number): void {
    const after = this.joined.get(room);
    if (!this.joined.delete(room) || after === undefined) return;
    this.former = this.former.filter(({ through }) => through > from);
    if (newest > after) this.former.push({ room, after, through: newest });
    if (this.former.length > MAX_FORMER) this.forgotten = this.former.shift()!.through;
  }

  /** Whether the client was in a room when the event with this number was sent. */
  wasIn(room: string, number: number): boolean {
    if (room === this.id || number > (this.joined.get(room) ?? number)) return true;
    return this.former.some(
      (one) => one.room === room && one.after < number && number <= one.through,
    );
  }
}
