import type { HandlerContext } from './handler-context.ts';
import * as mask from './handler-mask.ts';

// Every context knows its neighbours for the three frequent events. When a context comes or goes, only those
// whose way leads through its place are told: building a pipeline costs time linear in its length.

/** A new context stands between its neighbours: its own links, and theirs to it. */
export function linkUp(context: HandlerContext): void {
  const { next, prev } = context;
  context.nextReader = has(next, mask.CHANNEL_READ) ? next : next.nextReader;
  context.nextReadCompleter = has(next, mask.CHANNEL_READ_COMPLETE) ? next : next.nextReadCompleter;
  context.prevWriter = has(prev, mask.WRITE) ? prev : prev.prevWriter;
  redirectReads(
    context,
    has(context, mask.CHANNEL_READ) ? context : context.nextReader,
    has(context, mask.CHANNEL_READ_COMPLETE) ? context : context.nextReadCompleter,
  );
  redirectWrites(context, has(context, mask.WRITE) ? context : context.prevWriter);
}

/** A context has left: its neighbours' links go past it; its own stay, for what it still forwards. */
export function linkPast(context: HandlerContext): void {
  redirectReads(context, context.nextReader, context.nextReadCompleter);
  redirectWrites(context, context.prevWriter);
}

/** What an old context still forwards reaches the one that took its place. */
export function linkReplaced(old: HandlerContext, fresh: HandlerContext): void {
  old.next = fresh;
  old.prev = fresh;
  old.nextReader = has(fresh, mask.CHANNEL_READ) ? fresh : fresh.nextReader;
  old.nextReadCompleter = has(fresh, mask.CHANNEL_READ_COMPLETE) ? fresh : fresh.nextReadCompleter;
  old.prevWriter = has(fresh, mask.WRITE) ? fresh : fresh.prevWriter;
}

export function has(context: HandlerContext, bit: number): boolean {
  return (context.bits & bit) !== 0;
}

/** Everybody before a place, back to whoever takes the event himself, as the ends do. */
function redirectReads(
  place: HandlerContext,
  reader: HandlerContext,
  completer: HandlerContext,
): void {
  let wants = mask.CHANNEL_READ | mask.CHANNEL_READ_COMPLETE;
  for (let c = place.prev; wants !== 0; c = c.prev) {
    if ((wants & mask.CHANNEL_READ) !== 0) c.nextReader = reader;
    if ((wants & mask.CHANNEL_READ_COMPLETE) !== 0) c.nextReadCompleter = completer;
    wants &= ~c.bits;
  }
}

/** Everybody behind a place, as {@link redirectReads}. */
function redirectWrites(place: HandlerContext, writer: HandlerContext): void {
  for (let c = place.next; ; c = c.next) {
    c.prevWriter = writer;
    if (has(c, mask.WRITE)) return;
  }
}
