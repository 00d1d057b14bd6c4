import type { GroupPosition, LiveStateMessage } from '@headrace/client';

export type ModelMessage = LiveStateMessage<number>;

interface Entry {
  readonly key: string;
  readonly value: number | undefined;
  readonly version: number;
}

interface Member {
  at: number;
  epoch: string;
  isReady: boolean;
  readFrom: number;
}

/** A state group as its members see it: one store, and one member that accepts a number of messages at a time. */
export class ModelServer {
  readonly group = 'room';
  /** Messages on the way to the client. */
  readonly wire: ModelMessage[] = [];
  /** Keys that were deleted, or may have been lost. */
  readonly missed = new Set<string>();
  private entries = new Map<string, Entry>();
  private epochs = 0;
  private offset = 0;
  private floor = 0;
  private member: Member | undefined = undefined;

  get epoch(): string {
    return `e${this.epochs}`;
  }

  get isConnected(): boolean {
    return this.member !== undefined;
  }

  get values(): Map<string, number> {
    const values = new Map<string, number>();
    for (const { key, value } of this.entries.values()) {
      if (value !== undefined) values.set(key, value);
    }
    return values;
  }

  /** True if the client has what it takes to have the present state, but for what is on the way. */
  get isDone(): boolean {
    const { member, epoch, offset } = this;
    return member?.isReady === true && member.epoch === epoch && member.at === offset;
  }

  /** @param value - undefined deletes the key */
  change(key: string, value: number | undefined): void {
    if (value === undefined && !this.values.has(key)) return;
    this.offset += 1;
    // The order of the map is the order of the versions.
    this.entries.delete(key);
    this.entries.set(key, { key, value, version: this.offset });
    if (value === undefined) this.missed.add(key);
  }

  /** Forgets the removals up to now. */
  forget(): void {
    for (const { key, value, version } of this.entries.values()) {
      if (value !== undefined) continue;
      this.entries.delete(key);
      this.floor = Math.max(this.floor, version);
    }
  }

  /** The store loses its newest changes. Their keys are lost, or have their former values. */
  lose(count: number): void {
    const lost = [...this.entries.values()].reverse().slice(0, count);
    for (const { key } of lost) {
      this.entries.delete(key);
      this.missed.add(key);
    }
    this.epochs += 1;
    this.offset = Math.max(0, this.offset - count);
    this.floor = 0;
    let version = 0;
    const kept = [...this.entries.values()];
    this.entries = new Map();
    for (const { key, value } of kept) {
      version += 1;
      this.entries.set(key, { key, value, version });
    }
    this.offset = version;
  }

  join(asked: GroupPosition | undefined): void {
    const { epoch, offset, floor } = this;
    this.wire.length = 0;
    const recovered = asked?.epoch === epoch && asked.offset <= offset && asked.offset >= floor;
    this.begin(recovered ? asked.offset : undefined);
  }

  /** The member joins again on the same connection, or the node has to give it the whole state again. */
  beginAgain(): void {
    if (this.member !== undefined) this.begin(undefined);
  }

  cut(): void {
    this.wire.length = 0;
    this.member = undefined;
  }

  /** Sends as many messages as the member accepts. */
  advance(accepts: number): void {
    const { member } = this;
    if (member === undefined) return;
    const isBehind = this.floor > Math.max(member.at, member.readFrom);
    if (member.epoch !== this.epoch || isBehind) this.begin(undefined);
    const { group } = this;
    const present = this.member!;
    let left = accepts;
    for (const { key, value, version } of this.entries.values()) {
      if (version <= present.at) continue;
      if (left === 0) return;
      present.at = version;
      if (value === undefined && version <= present.readFrom) continue;
      left -= 1;
      if (value === undefined) this.wire.push({ type: 'delete', group, key, version });
      else this.wire.push({ type: 'set', group, key, value, version });
    }
    present.at = this.offset;
    if (present.isReady || left === 0) return;
    present.isReady = true;
    this.wire.push({ type: 'ready', group, version: present.at });
  }

  private begin(from: number | undefined): void {
    const { group, epoch } = this;
    const recovered = from !== undefined;
    this.member = { at: from ?? 0, epoch, isReady: false, readFrom: recovered ? 0 : this.offset };
    this.wire.push({ type: 'begin', group, epoch, recovered });
  }
}
