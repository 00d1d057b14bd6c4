// Who is next. A pipeline is a ring of contexts that is closed by one for both ends: inbound events go along
// `next`, operations along `prev`. This file alone knows who gets an event or operation next:
//
// - `channelRead`, `channelReadComplete` and `write` are frequent, so each place keeps a link to whoever takes
//   them next. When a context comes or goes, only the places whose way leads through its own are changed:
//   building a pipeline costs time linear in its length.
// - `read` and `flush` are frequent, and hardly anybody intercepts them: the ring knows the one who does.
// - the others are looked up by mask.
import * as mask from './handler-mask.ts';

/** A place in a ring. */
export interface Place<P> {
  /** Which events its handler takes, and whether it is there: see `handler-mask.ts`. */
  bits: number;
  next: P;
  prev: P;
  /** Who gets a `channelRead` next. */
  nextReader: P;
  /** Who gets a `channelReadComplete` next. */
  nextReadCompleter: P;
  /** Who gets a `write` next. */
  prevWriter: P;
}

/** A ring of places. */
export interface Ring<P> {
  /** The place of head and tail: its `next` is the first, its `prev` the last. It takes every event. */
  readonly ends: P;
  /** Who intercepts `read`: the ends if nobody does, the place if there is one, `undefined` if there are more. */
  readInterceptor: P | undefined;
  /** Who intercepts `flush`, likewise. */
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

/** The next place towards the tail whose handler is there and takes this event; the ends take all. */
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

/** The neighbours link to a new place, and everybody whose way leads through it. */
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

/** For everybody before a place, back to whoever takes the event himself, as the ends do. */
function redirectReads<P extends Place<P>>(place: P, reader: P, completer: P): void {
  let wants = mask.CHANNEL_READ | mask.CHANNEL_READ_COMPLETE;
  for (let p = place.prev; wants !== 0; p = p.prev) {
    if ((wants & mask.CHANNEL_READ) !== 0) p.nextReader = reader;
    if ((wants & mask.CHANNEL_READ_COMPLETE) !== 0) p.nextReadCompleter = completer;
    wants &= ~p.bits;
  }
}

/** For everybody after a place, likewise. */
function redirectWrites<P extends Place<P>>(place: P, writer: P): void {
  for (let p = place.next; ; p = p.next) {
    p.prevWriter = writer;
    if (has(p, mask.WRITE)) return;
  }
}

/** A place has come or gone: does anybody still stand between the application and the transport? */
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
