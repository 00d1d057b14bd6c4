// The next handler. A pipeline is a ring of contexts, closed by one context that is both head and tail: inbound
// events go along `next`, operations along `prev`. This file alone decides which place gets an event or operation next:
//
// - `channelRead`, `channelReadComplete` and `write` are frequent, so each place keeps a link to the place
//   that takes them next. When a context is added or removed, only the links that lead over its place are changed:
//   building a pipeline costs time linear in its length.
// - `read` and `flush` are frequent, and few handlers intercept them: the ring keeps the one that does.
// - the others are looked up by mask.
import * as mask from './handler-mask.ts';

/** A place in a ring. */
export interface Place<P> {
  /** Which events its handler takes, and whether it is added: see `handler-mask.ts`. */
  bits: number;
  next: P;
  prev: P;
  /** The place that gets a `channelRead` next. */
  nextReader: P;
  /** The place that gets a `channelReadComplete` next. */
  nextReadCompleter: P;
  /** The place that gets a `write` next. */
  prevWriter: P;
}

/** A ring of places. */
export interface Ring<P> {
  /** Head and tail in one: its `next` is the first handler's, its `prev` the last one's. It takes every event. */
  readonly ends: P;
  /** What intercepts `read`: `ends` if nothing does, the place if there is one, `undefined` if there are more. */
  readInterceptor: P | undefined;
  /** What intercepts `flush`, likewise. */
  flushInterceptor: P | undefined;
  /** Cached copy of `ends.prevWriter`: saves a cache miss per member in broadcasts. */
  lastWriter: P;
}

/** True if its handler implements this event or operation. */
export function has<P>(place: Place<P>, bit: number): boolean {
  return (place.bits & bit) !== 0;
}

/** False once a place has been removed or replaced. */
export function isLinked<P extends Place<P>>(place: P): boolean {
  return place.prev.next === place;
}

/** The next place towards the tail whose handler is added and takes this event; head and tail take all. */
export function nextWith<P extends Place<P>>(from: Place<P>, bit: number): P {
  const wanted = mask.ADDED | bit;
  let place = from.next;
  while ((place.bits & wanted) !== wanted) place = place.next;
  return place;
}

/** The next place towards the head, likewise. */
export function prevWith<P extends Place<P>>(from: Place<P>, bit: number): P {
  const wanted = mask.ADDED | bit;
  let place = from.prev;
  while ((place.bits & wanted) !== wanted) place = place.prev;
  return place;
}

/** Puts a new place before another. */
export function insertBefore<P extends Place<P>>(ring: Ring<P>, place: P, next: P): void {
  place.prev = next.prev;
  place.next = next;
  takeOver(ring, place);
}

/** Puts a new place where another one was; what the old one still forwards reaches the new one. */
export function replace<P extends Place<P>>(ring: Ring<P>, old: P, place: P): void {
  place.prev = old.prev;
  place.next = old.next;
  takeOver(ring, place);
  old.next = place;
  old.prev = place;
  linkForward(old);
  findInterceptors(ring, old);
}

/** Takes a place out. Its own links stay, for what it still forwards. */
export function unlink<P extends Place<P>>(ring: Ring<P>, place: P): void {
  place.prev.next = place.next;
  place.next.prev = place.prev;
  redirectReads(place, place.nextReader, place.nextReadCompleter);
  redirectWrites(place, place.prevWriter);
  findInterceptors(ring, place);
}

/** Links the neighbours to a new place, and all places whose events go through it. */
function takeOver<P extends Place<P>>(ring: Ring<P>, place: P): void {
  place.prev.next = place;
  place.next.prev = place;
  linkForward(place);
  redirectReads(
    place,
    has(place, mask.CHANNEL_READ) ? place : place.nextReader,
    has(place, mask.CHANNEL_READ_COMPLETE) ? place : place.nextReadCompleter,
  );
  redirectWrites(place, has(place, mask.WRITE) ? place : place.prevWriter);
  findInterceptors(ring, place);
}

/** A place's own links, from those of its neighbours. */
function linkForward<P extends Place<P>>(place: P): void {
  const { next, prev } = place;
  place.nextReader = has(next, mask.CHANNEL_READ) ? next : next.nextReader;
  place.nextReadCompleter = has(next, mask.CHANNEL_READ_COMPLETE) ? next : next.nextReadCompleter;
  place.prevWriter = has(prev, mask.WRITE) ? prev : prev.prevWriter;
}

/** For all places before a place, back to one that takes the event itself, as head and tail do. */
function redirectReads<P extends Place<P>>(place: P, reader: P, completer: P): void {
  let wants = mask.CHANNEL_READ | mask.CHANNEL_READ_COMPLETE;
  for (let p = place.prev; wants !== 0; p = p.prev) {
    if ((wants & mask.CHANNEL_READ) !== 0) p.nextReader = reader;
    if ((wants & mask.CHANNEL_READ_COMPLETE) !== 0) p.nextReadCompleter = completer;
    wants &= ~p.bits;
  }
}

/** For all places after a place, likewise. */
function redirectWrites<P extends Place<P>>(place: P, writer: P): void {
  for (let p = place.next; ; p = p.next) {
    p.prevWriter = writer;
    if (has(p, mask.WRITE)) return;
  }
}

/** A place was added or removed: does a handler still stand between the application and the transport? */
function findInterceptors<P extends Place<P>>(ring: Ring<P>, changed: P): void {
  ring.lastWriter = ring.ends.prevWriter;
  if (has(changed, mask.READ)) ring.readInterceptor = onlyOneWith(ring.ends, mask.READ);
  if (has(changed, mask.FLUSH)) ring.flushInterceptor = onlyOneWith(ring.ends, mask.FLUSH);
}

function onlyOneWith<P extends Place<P>>(ends: P, bit: number): P | undefined {
  let found = ends;
  for (let p = ends.next; p !== ends; p = p.next) {
    if (!has(p, bit)) continue;
    if (found !== ends) return undefined;
    found = p;
  }
  return found;
}
