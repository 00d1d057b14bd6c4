// The next handler. A pipeline is a ring of contexts, closed by one context that is both head and tail. Inbound events pass
// along `next`, operations along `prev`. Only this file decides which member receives an event or operation next. Each member
// keeps a link to the next member for the frequent `channelRead`, `channelReadComplete` and `write`. When a context is added or
// removed, only the links across it change, so that building a pipeline costs time linear in its length. `read` and `flush` are
// also frequent, but few handlers intercept them, so the ring keeps the member that does. Other events are looked up by mask.
import * as mask from './handler-mask.ts';

/** A member of a ring. */
export interface RingMember<P> {
  /** Events that the handler implements, and whether it is added: see `handler-mask.ts`. */
  bits: number;
  next: P;
  prev: P;
  /** Member that receives the next `channelRead`. */
  nextReader: P;
  /** Member that receives the next `channelReadComplete`. */
  nextReadCompleter: P;
  /** Member that receives the next `write`. */
  prevWriter: P;
}

/** A ring of members. */
export interface Ring<P> {
  /**
   * Member that is both head and tail. Its `next` is the first handler's, its `prev` the last handler's. It takes every event.
   */
  readonly headTail: P;
  /** Member that intercepts `read`: `headTail` if there is no such handler, or `undefined` if there is more than one. */
  readInterceptor: P | undefined;
  /** Member that intercepts `flush`: `headTail` or `undefined` as for `read`. */
  flushInterceptor: P | undefined;
  /** Cached copy of `headTail.prevWriter`, which saves a cache miss per member in broadcasts. */
  lastWriter: P;
}

/** Returns true if the handler of the member implements this event or operation. */
export function has<P>(member: RingMember<P>, bit: number): boolean {
  return (member.bits & bit) !== 0;
}

/** Returns false for a member that was removed or replaced. */
export function isLinked<P extends RingMember<P>>(member: P): boolean {
  return member.prev.next === member;
}

/** Returns the next member towards the tail whose handler is added and implements this event. `headTail` implements all. */
export function nextWith<P extends RingMember<P>>(from: RingMember<P>, bit: number): P {
  const wanted = mask.ADDED | bit;
  let member = from.next;
  while ((member.bits & wanted) !== wanted) member = member.next;
  return member;
}

/** Returns the next member towards the head whose handler is added and implements this operation. */
export function prevWith<P extends RingMember<P>>(from: RingMember<P>, bit: number): P {
  const wanted = mask.ADDED | bit;
  let member = from.prev;
  while ((member.bits & wanted) !== wanted) member = member.prev;
  return member;
}

/** Inserts a new member before another member. */
export function insertBefore<P extends RingMember<P>>(ring: Ring<P>, member: P, next: P): void {
  member.prev = next.prev;
  member.next = next;
  takeOver(ring, member);
}

/** Replaces a member. Events that the old member still forwards reach the new member. */
export function replace<P extends RingMember<P>>(ring: Ring<P>, old: P, member: P): void {
  member.prev = old.prev;
  member.next = old.next;
  takeOver(ring, member);
  old.next = member;
  old.prev = member;
  linkForward(old);
  findInterceptors(ring, old);
}

/** Removes a member. Its own links stay, for events that it still forwards. */
export function unlink<P extends RingMember<P>>(ring: Ring<P>, member: P): void {
  member.prev.next = member.next;
  member.next.prev = member.prev;
  redirectReads(member, member.nextReader, member.nextReadCompleter);
  redirectWrites(member, member.prevWriter);
  findInterceptors(ring, member);
}

/** Links a new member to its neighbors, and to all members whose events pass through it. */
function takeOver<P extends RingMember<P>>(ring: Ring<P>, member: P): void {
  member.prev.next = member;
  member.next.prev = member;
  linkForward(member);
  redirectReads(
    member,
    has(member, mask.CHANNEL_READ) ? member : member.nextReader,
    has(member, mask.CHANNEL_READ_COMPLETE) ? member : member.nextReadCompleter,
  );
  redirectWrites(member, has(member, mask.WRITE) ? member : member.prevWriter);
  findInterceptors(ring, member);
}

/** Sets a member's own links, from those of its neighbors. */
function linkForward<P extends RingMember<P>>(member: P): void {
  const { next, prev } = member;
  member.nextReader = has(next, mask.CHANNEL_READ) ? next : next.nextReader;
  member.nextReadCompleter = has(next, mask.CHANNEL_READ_COMPLETE) ? next : next.nextReadCompleter;
  member.prevWriter = has(prev, mask.WRITE) ? prev : prev.prevWriter;
}

/** Sets the links of the members before a member, back to a member that takes the event itself, as `headTail` does. */
function redirectReads<P extends RingMember<P>>(member: P, reader: P, completer: P): void {
  let wants = mask.CHANNEL_READ | mask.CHANNEL_READ_COMPLETE;
  for (let p = member.prev; wants !== 0; p = p.prev) {
    if ((wants & mask.CHANNEL_READ) !== 0) p.nextReader = reader;
    if ((wants & mask.CHANNEL_READ_COMPLETE) !== 0) p.nextReadCompleter = completer;
    wants &= ~p.bits;
  }
}

/** Sets the links of the members after a member, up to one that writes itself. */
function redirectWrites<P extends RingMember<P>>(member: P, writer: P): void {
  for (let p = member.next; ; p = p.next) {
    p.prevWriter = writer;
    if (has(p, mask.WRITE)) return;
  }
}

/** Updates the interceptors after a member was added or removed. */
function findInterceptors<P extends RingMember<P>>(ring: Ring<P>, changed: P): void {
  ring.lastWriter = ring.headTail.prevWriter;
  if (has(changed, mask.READ)) ring.readInterceptor = onlyOneWith(ring.headTail, mask.READ);
  if (has(changed, mask.FLUSH)) ring.flushInterceptor = onlyOneWith(ring.headTail, mask.FLUSH);
}

function onlyOneWith<P extends RingMember<P>>(headTail: P, bit: number): P | undefined {
  let found = headTail;
  for (let p = headTail.next; p !== headTail; p = p.next) {
    if (!has(p, bit)) continue;
    if (found !== headTail) return undefined;
    found = p;
  }
  return found;
}
