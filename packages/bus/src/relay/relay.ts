import { Buffer } from 'node:buffer';
import type { CallReader } from './call-reader.ts';

/** One link of one process, as the relay uses it. */
export interface RelayMember {
  received(subject: string, bytes: RelayBytes): void;
}

/** A worker's link, as a {@link RelayService} uses it. */
export interface ServiceLink {
  readonly relay: Relay;
  now(): number;
  /**
   * Sends fields to the worker. They are lost, and counted, if the worker does not read.
   *
   * @param length - the length of the texts among the fields
   */
  tell(length: number, ...fields: unknown[]): void;
}

/** A {@link RelayService} for one link. */
export interface ServedLink {
  /** Returns the answer to a call as a function. All fields are read before the call is carried out. */
  call(fields: CallReader): () => unknown;
  /** Called when the link has ended. */
  close(): void;
}

/** Answers calls of workers that are not about messages, for packages that store data in the process of the relay. */
export interface RelayService {
  connect(link: ServiceLink): ServedLink;
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

/** The subscriptions of the links of one machine. A message goes only to the subscribed links. */
export class Relay {
  /** The services for the links, by name. */
  readonly services = new Map<string, RelayService>();
  private readonly members = new Map<RelayMember, Set<string>>();
  private readonly subjects = new Map<string, Set<RelayMember>>();

  join(member: RelayMember): void {
    this.members.set(member, new Set());
  }

  leave(member: RelayMember): void {
    for (const subject of this.members.get(member) ?? []) this.unsubscribe(member, subject);
    this.members.delete(member);
  }

  links(): RelayMember[] {
    return [...this.members.keys()];
  }

  subscribe(member: RelayMember, subject: string): void {
    const own = this.members.get(member);
    if (own === undefined) return;
    own.add(subject);
    const members = this.subjects.get(subject);
    if (members === undefined) this.subjects.set(subject, new Set([member]));
    else members.add(member);
  }

  unsubscribe(member: RelayMember, subject: string): void {
    this.members.get(member)?.delete(subject);
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
}
