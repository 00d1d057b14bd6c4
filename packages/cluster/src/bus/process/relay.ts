import type { LogEntry, LogLimits, LogPage, LogPosition } from '../../log/log.ts';
import { MemoryStream } from '../../log/memory-stream.ts';
import type { RelayBytes } from './relay-frame.ts';

/** One link of one process, as the relay sees it. */
export interface RelayMember {
  received(subject: string, bytes: RelayBytes): void;
  appended(stream: string, entry: LogEntry): void;
}

interface Stream {
  readonly log: MemoryStream;
  readonly followers: Set<RelayMember>;
}

interface Interests {
  readonly subjects: Set<string>;
  readonly streams: Set<string>;
}

/** Who listens to what, in the primary: a message goes only to those. And the logs of durable groups. */
export class Relay {
  private readonly members = new Map<RelayMember, Interests>();
  private readonly subjects = new Map<string, Set<RelayMember>>();
  private readonly streams = new Map<string, Stream>();

  join(member: RelayMember): void {
    this.members.set(member, { subjects: new Set(), streams: new Set() });
  }

  leave(member: RelayMember): void {
    const interests = this.members.get(member);
    if (interests === undefined) return;
    for (const subject of interests.subjects) this.unsubscribe(member, subject);
    for (const stream of interests.streams) this.unfollow(member, stream);
    this.members.delete(member);
  }

  get memberCount(): number {
    return this.members.size;
  }

  get subjectCount(): number {
    return this.subjects.size;
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

  open(stream: string, limits: LogLimits): void {
    this.streamOf(stream).log.limit(limits);
  }

  append(stream: string, id: string, bytes: Uint8Array, now: number): LogPosition {
    return this.streamOf(stream).log.append(id, bytes, now);
  }

  read(stream: string, after: number, limit: number, now: number): LogPage {
    return this.streamOf(stream).log.read(after, limit, now);
  }

  follow(member: RelayMember, stream: string): void {
    const interests = this.members.get(member);
    if (interests === undefined) return;
    interests.streams.add(stream);
    this.streamOf(stream).followers.add(member);
  }

  unfollow(member: RelayMember, stream: string): void {
    this.members.get(member)?.streams.delete(stream);
    this.streams.get(stream)?.followers.delete(member);
  }

  private streamOf(name: string): Stream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      const followers = new Set<RelayMember>();
      stream = { log: new MemoryStream(), followers };
      stream.log.follow((entry) => {
        for (const member of followers) member.appended(name, entry);
      });
      this.streams.set(name, stream);
    }
    return stream;
  }
}
