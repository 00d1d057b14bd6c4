import { Buffer } from 'node:buffer';
import type { LogEntry } from '../../log/log.ts';
import { MemoryState } from '../../log/memory-state.ts';
import { MemoryStream } from '../../log/memory-stream.ts';
import type { StateEntry } from '../../log/state-log.ts';

/** One link of one process, as the relay uses it. */
export interface RelayMember {
  received(subject: string, bytes: RelayBytes): void;
  appended(stream: string, entry: LogEntry): void;
  changed(stream: string, entry: StateEntry): void;
}

/** Bytes that are converted at most once each way, for any number of processes. */
export class RelayBytes {
  private asText: string | undefined;
  private asBytes: Buffer | undefined;

  constructor(bytes: Buffer | string) {
    this.asText = typeof bytes === 'string' ? bytes : undefined;
    this.asBytes = typeof bytes === 'string' ? undefined : bytes;
  }

  get text(): string {
    this.asText ??= this.asBytes!.toString('base64');
    return this.asText;
  }

  get bytes(): Buffer {
    this.asBytes ??= Buffer.from(this.asText!, 'base64');
    return this.asBytes;
  }
}

interface Interests {
  readonly subjects: Set<string>;
  /** Functions that end the subscriptions to streams and states, whose names differ. */
  readonly streams: Map<string, () => void>;
}

/** The subscriptions of the links of one machine, the logs of durable groups, and the states of state groups. A message goes only to the subscribed links. */
export class Relay {
  private readonly members = new Map<RelayMember, Interests>();
  private readonly subjects = new Map<string, Set<RelayMember>>();
  private readonly streams = new Map<string, MemoryStream>();
  private readonly states = new Map<string, MemoryState>();

  join(member: RelayMember): void {
    this.members.set(member, { subjects: new Set(), streams: new Map() });
  }

  leave(member: RelayMember): void {
    const interests = this.members.get(member);
    if (interests === undefined) return;
    for (const subject of interests.subjects) this.unsubscribe(member, subject);
    for (const unfollow of interests.streams.values()) unfollow();
    this.members.delete(member);
  }

  links(): RelayMember[] {
    return [...this.members.keys()];
  }

  subscribe(member: RelayMember, subject: string): void {
    const interests = this.members.get(member);
    if (interests === undefined) return;
    interests.subjects.add(subject);
    const members = this.subjects.get(subject);
    if (members === undefined) this.subjects.set(subject, new Set([member]));
    else members.add(member);
  }

  unsubscribe(member: RelayMember, subject: string): void {
    this.members.get(member)?.subjects.delete(subject);
    const members = this.subjects.get(subject);
    if (members?.delete(member) && members.size === 0) this.subjects.delete(subject);
  }

  publish(subject: string, bytes: RelayBytes): void {
    const members = this.subjects.get(subject);
    if (members === undefined) return;
    for (const member of members) member.received(subject, bytes);
  }

  receivers(subject: string): number {
    return this.subjects.get(subject)?.size ?? 0;
  }

  follow(member: RelayMember, stream: string): void {
    this.followOnce(member, stream, () =>
      this.stream(stream).follow((entry) => member.appended(stream, entry)),
    );
  }

  followState(member: RelayMember, stream: string): void {
    this.followOnce(member, stream, () =>
      this.state(stream).follow((entry) => member.changed(stream, entry)),
    );
  }

  unfollow(member: RelayMember, stream: string): void {
    const interests = this.members.get(member);
    interests?.streams.get(stream)?.();
    interests?.streams.delete(stream);
  }

  /** Returns a stream, and makes it at the first call. */
  stream(name: string): MemoryStream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = new MemoryStream();
      this.streams.set(name, stream);
    }
    return stream;
  }

  /** Returns a state, and makes it at the first call. */
  state(name: string): MemoryState {
    let state = this.states.get(name);
    if (state === undefined) {
      state = new MemoryState();
      this.states.set(name, state);
    }
    return state;
  }

  private followOnce(member: RelayMember, stream: string, follow: () => () => void): void {
    const interests = this.members.get(member);
    if (interests === undefined || interests.streams.has(stream)) return;
    interests.streams.set(stream, follow());
  }
}
