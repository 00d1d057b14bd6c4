// Finds the asynchronous `channelRead` that handles messages in another order than they came, which is silent otherwise.
import type { Channel, Handler } from '../contract.ts';

/** The context of the handler. */
export interface ReadingContext {
  readonly name: string;
  readonly channel: Channel;
  readonly handler: Handler;
}

/** Maximum number of lines, one for each handler. */
const MAX_LINES = 8;
/** Number of reads after which a handler that has kept the order is no longer watched. */
const WATCHED_READS = 1000;

const reported = new Set<string>();
/** Reads of each function that are still watched. A class has one function for all of its handlers. */
const left = new WeakMap<object, number>();
/** The reads under way, in the order in which they began. */
const underWay = new WeakMap<ReadingContext, object[]>();

/** Called with what the `channelRead` of a handler returned. A `then` of the application is not called a second time. */
export function watchOrder(ctx: ReadingContext, handled: unknown): void {
  const read = ctx.handler.channelRead;
  if (read === undefined || reported.size >= MAX_LINES || !(handled instanceof Promise)) return;
  const more = left.get(read) ?? WATCHED_READS;
  if (more === 0) return;
  left.set(read, more - 1);
  const reads = underWay.get(ctx) ?? [];
  underWay.set(ctx, reads);
  reads.push(handled);
  const settled = (): void => {
    const place = reads.indexOf(handled);
    reads.splice(place, 1);
    if (place > 0) report(ctx);
  };
  handled.then(settled, settled);
}

function report({ name, channel }: ReadingContext): void {
  if (reported.has(name) || reported.size >= MAX_LINES) return;
  reported.add(name);
  const text = `${channel} ${name}.channelRead is asynchronous and finished a message before an earlier one, so its answers may have another order than the questions. If the order matters, add sequential(handler) to the pipeline`;
  channel.logger.log('warn', text);
}
