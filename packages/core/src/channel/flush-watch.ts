// Finds the write that nobody flushes, which is silent otherwise: the message waits for ever.
import type { Clock } from '../contract/clock.ts';
import type { Channel } from '../contract.ts';

/** The output that a {@link FlushWatch} watches. */
export interface UnflushedOutput {
  readonly clock: Clock;
  readonly channel: Channel;
  /** The first message that waits for a flush, as an object of its own, or `undefined`. */
  readonly firstUnflushed: object | undefined;
  /** Number of messages that wait for a flush. */
  readonly unflushedCount: number;
}

/** Time after which a message that was not flushed is a mistake rather than a batch. */
const PATIENCE_MS = 5000;
/** Maximum number of lines, one for each place in the code. */
const MAX_LINES = 8;
/** Frames of a stack that are not of the application. */
const NOT_OF_APPLICATION =
  /[\\/]@headrace[\\/]|[\\/]packages[\\/][a-z-]+[\\/](?:src|dist)[\\/]|\(?node:|<anonymous>\)?$/;
/** Enough for a pipeline of many handlers. */
const STACK_FRAMES = 50;

/** Watches one write at a time, so that it costs other writes nothing: a mistake that is repeated is found soon. */
export class FlushWatch {
  private readonly clock: Clock;
  private readonly places = new Set<string>();
  private isBusy = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Called for a message behind which no other waits. */
  written(output: UnflushedOutput): void {
    if (this.isBusy || output.clock !== this.clock || this.places.size >= MAX_LINES) return;
    this.isBusy = true;
    const stack = stackHere();
    // The output must not live on because of its watch.
    const watched = new WeakRef(output);
    const first = new WeakRef(output.firstUnflushed!);
    this.clock.schedule(() => {
      this.isBusy = false;
      const late = watched.deref();
      const message = late?.firstUnflushed;
      if (late !== undefined && message !== undefined && message === first.deref()) {
        this.report(late, placeOf(stack));
      }
    }, PATIENCE_MS);
  }

  private report({ channel, unflushedCount: count }: UnflushedOutput, place: string): void {
    if (!channel.isOpen || this.places.has(place)) return;
    this.places.add(place);
    const messages = count === 1 ? '1 message waits' : `${count} messages wait`;
    const text = `${channel} ${messages} for a flush, for ${PATIENCE_MS / 1000} s. The first was written ${place}. Call flush(), or writeAndFlush() instead of write()`;
    channel.logger.log('warn', text);
  }
}

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
