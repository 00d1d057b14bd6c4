import type { Buffer } from 'node:buffer';
import type { Clock } from '@headrace/core';
import { onceAfterEvent } from '@headrace/core/authoring';
import { FRAME, messageFrame, subjectFrames } from './mesh-frame.ts';
import type { MeshPeer } from './mesh-peer.ts';

/** A change of the own subscriptions that the peers do not know yet. */
interface Change {
  readonly subject: string;
  readonly isNow: boolean;
}

/** The other nodes that a node is connected to, and the subjects of both sides. */
export class MeshPeers {
  /** The subjects that this node listens to. */
  readonly own = new Set<string>();
  readonly clock: Clock;
  private readonly byId = new Map<string, MeshPeer>();
  private readonly bySubject = new Map<string, Set<MeshPeer>>();
  private changes: Change[] = [];
  private readonly unflushed = new Set<MeshPeer>();
  private readonly flushLater = onceAfterEvent<MeshPeers>(() => this.flush());

  constructor(clock: Clock) {
    this.clock = clock;
  }

  all(): IterableIterator<MeshPeer> {
    return this.byId.values();
  }

  has(id: string): boolean {
    return this.byId.get(id)?.channel.isActive === true;
  }

  /** Adds a peer, and tells it what this node listens to. A connection of the same node that is there already ends. */
  add(peer: MeshPeer): void {
    const earlier = this.byId.get(peer.id);
    this.byId.set(peer.id, peer);
    earlier?.channel.close();
    for (const frame of subjectFrames(FRAME.subscribe, this.own)) peer.tell(frame);
    this.flushSoon(peer);
  }

  /** Removes a peer whose connection has ended, unless another connection has taken its place. */
  remove(peer: MeshPeer): void {
    for (const subject of peer.subjects) this.listens(peer, subject, false);
    this.unflushed.delete(peer);
    if (this.byId.get(peer.id) === peer) this.byId.delete(peer.id);
  }

  /** Records that a peer listens to a subject, or has ended it. */
  listens(peer: MeshPeer, subject: string, isNow: boolean): void {
    const peers = this.bySubject.get(subject);
    if (isNow) {
      if (peers === undefined) this.bySubject.set(subject, new Set([peer]));
      else peers.add(peer);
    } else if (peers?.delete(peer) === true && peers.size === 0) this.bySubject.delete(subject);
  }

  /** Returns the peers that listen to a subject. */
  listeners(subject: string): ReadonlySet<MeshPeer> {
    return this.bySubject.get(subject) ?? NOBODY;
  }

  subscribe(subject: string): void {
    this.own.add(subject);
    this.change({ subject, isNow: true });
  }

  unsubscribe(subject: string): void {
    this.own.delete(subject);
    this.change({ subject, isNow: false });
  }

  /**
   * Sends a message to the peers that listen to its subject, after the changes of the own subscriptions: what a peer sends in
   * answer to the message arrives here.
   *
   * @param missed - a function that is called with each peer that has no room for the message
   */
  publish(subject: string, bytes: Uint8Array, missed?: (peer: MeshPeer) => void): void {
    if (this.changes.length > 0) this.tellChanges();
    const peers = this.bySubject.get(subject);
    if (peers === undefined) return;
    const frame = messageFrame(subject, bytes);
    for (const peer of peers) {
      if (!peer.send(frame)) missed?.(peer);
      this.flushSoon(peer);
    }
  }

  /** Flushes a peer after the current event, together with all that is written to it meanwhile. */
  flushSoon(peer: MeshPeer): void {
    this.unflushed.add(peer);
    this.flushLater(this);
  }

  /** Sends the changes of the own subscriptions, and flushes. */
  flush(): void {
    if (this.changes.length > 0) this.tellChanges();
    const peers = [...this.unflushed];
    this.unflushed.clear();
    for (const { channel } of peers) channel.flush();
  }

  private tellChanges(): void {
    const frames = framesOf(this.changes);
    this.changes = [];
    for (const peer of this.byId.values()) {
      for (const frame of frames) peer.tell(frame);
      this.unflushed.add(peer);
    }
  }

  private change(change: Change): void {
    this.changes.push(change);
    this.flushLater(this);
  }
}

const NOBODY: ReadonlySet<MeshPeer> = new Set();

/** Returns the frames of changes, in their order. */
function framesOf(changes: readonly Change[]): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < changes.length; ) {
    const { isNow } = changes[at]!;
    const subjects: string[] = [];
    for (; changes[at]?.isNow === isNow; at += 1) subjects.push(changes[at]!.subject);
    const kind = isNow ? FRAME.subscribe : FRAME.unsubscribe;
    frames.push(...subjectFrames(kind, subjects));
  }
  return frames;
}
