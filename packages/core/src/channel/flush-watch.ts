// Finds the write that nobody flushes, which is silent otherwise: the message waits for ever.
import type { Clock } from '../contract/clock.ts';
import type { Channel } from '../contract.ts';

/** The output that a {@link FlushWatch} watches. */
export interface UnflushedOutput {
  isFirstUnflushed(written: Written): boolean;
}

/** Messages that were written, and those behind them. */
export interface Written {
  /** Number of messages, -1 for one that nothing may join. */
  readonly count: number;
  readonly next: this | undefined;
}

/** Time after which a message that was not flushed is a mistake rather than a batch. */
const PATIENCE_MS = 5000;
/** Time until the next write is watched, if the last one was flushed: the watch must not slow down code that makes no mistake. */
const REST_MS = 60_000;
/** Maximum number of lines, one for each place in the code. */
const MAX_LINES = 8;
/** Frames of a stack that are not of the application. */
const NOT_OF_APPLICATION =
  /[\\/]@headrace[\\/]|[\\/]packages[\\/][a-z-]+[\\/](?:src|dist)[\\/]|\(?node:|<anonymous>\)?$/;
/** Enough for a pipeline of many handlers. */
const STACK_FRAMES = 50;

/** Watches the first write of a program, and then one in a minute, so that it costs others nothing. A repeated mistake is found. */
export class FlushWatch {
  private readonly clock: Clock;
  private readonly places = new Set<string>();
  private isBusy = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Called for a message before which no other waits. */
  written<W extends Written>(
    output: UnflushedOutput,
    { clock, channel }: { readonly clock: Clock; readonly channel: Channel },
    first: W,
  ): void {
    if (this.isBusy || clock !== this.clock || this.places.size >= MAX_LINES) return;
    this.isBusy = true;
    const stack = stackHere();
    // The channel must not live on because of its watch.
    const watched = new WeakRef({ output, channel, first });
    held.set(first, watched.deref()!);
    clock.schedule(() => {
      const late = watched.deref();
      const free = (): void => {
        this.isBusy = false;
      };
      if (late?.output.isFirstUnflushed(late.first) !== true || !late.channel.isOpen) {
        clock.schedule(free, REST_MS);
        return;
      }
      free();
      this.report(late.channel, late.first, placeOf(stack));
    }, PATIENCE_MS);
  }

  private report(channel: Channel, first: Written, place: string): void {
    if (this.places.has(place)) return;
    this.places.add(place);
    let count = 0;
    for (let at: Written | undefined = first; at !== undefined; at = at.next) {
      count += Math.max(1, at.count);
    }
    const messages = count === 1 ? '1 message waits' : `${count} messages wait`;
    const text = `${channel} ${messages} for a flush, for ${PATIENCE_MS / 1000} s. The first was written ${place}. Call flush(), or writeAndFlush() instead of write()`;
    channel.logger.log('warn', text);
  }
}

/** What is watched lives as long as its first message. */
const held = new WeakMap<object, object>();

function stackHere(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = STACK_FRAMES;
  const { stack = '' } = new Error('written');
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}

/** The first line of a stack that is the application's: `at Greeter.channelActive (/app/server.ts:12:9)`. */
function placeOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  const own = frames.find((frame) => !NOT_OF_APPLICATION.test(frame));
  return own?.trim() ?? 'by a handler of Headrace';
}
