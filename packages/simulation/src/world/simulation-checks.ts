import type { ChannelOfSink } from '@headrace/core/authoring';
import type { SimulatedProcess } from '../host/simulated-process.ts';
import { SimulationError } from '../simulation-error.ts';
import { WaitingFutures } from './waiting-futures.ts';

interface Opened extends ChannelOfSink {
  readonly process: SimulatedProcess;
}

/** Name of the holder of a channel that nobody asks to read. */
const UNASKED = 'autoRead';
/** A clock can move by this time between two looks, in milliseconds. */
const TOLERANCE_MS = 10;

/** A connection that is not read, from the moment at which it is seen. */
class UnreadConnection {
  readonly opened: Opened;
  private readonly since: number;
  private readonly heldMs: number;

  constructor(opened: Opened) {
    this.opened = opened;
    this.since = opened.channel.clock.now();
    this.heldMs = opened.channel.readHeldMs;
  }

  /** Whether the channel is open and was not read for a moment. */
  get isStillUnread(): boolean {
    if (!wantsInput(this.opened)) return false;
    const { clock, readHeldMs } = this.opened.channel;
    return clock.now() - this.since - (readHeldMs - this.heldMs) < TOLERANCE_MS;
  }
}

interface Watched {
  readonly process: SimulatedProcess | undefined;
  readonly name: string;
  readonly count: () => number;
}

/** The checks of every simulation: no error reaches a process, nothing waits forever, and counters return to zero. */
export class SimulationChecks {
  readonly futures: WaitingFutures = new WaitingFutures();
  /** Names of holders that may hold reads for any time. */
  readonly mayHold: Set<string> = new Set();
  private readonly watched: Watched[] = [];
  private opened: Opened[] = [];
  private sweepAt = 1024;
  private isSettling = false;
  private failure: SimulationError | undefined = undefined;

  failed(error: SimulationError): void {
    this.failure ??= error;
  }

  throwIfFailed(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  watch(process: SimulatedProcess | undefined, name: string, count: () => number): void {
    this.watched.push({ process, name, count });
  }

  /** Adds a channel. Returns a function to call after each turn of the connection. */
  add(process: SimulatedProcess, found: ChannelOfSink): () => void {
    const opened = { process, ...found };
    if (!this.isSettling) this.opened.push(opened);
    if (this.opened.length >= this.sweepAt) {
      this.opened = this.opened.filter(isThere);
      this.sweepAt = Math.max(1024, this.opened.length * 2);
    }
    return () => {
      this.checkOutput(opened);
      this.checkInput(opened);
    };
  }

  /** Stops watching new operations, because a client can continue to connect. */
  beginSettling(): void {
    this.isSettling = true;
    this.futures.takeNoMore();
  }

  /** Returns the open connections that are not read now, except those of holders that may hold them. */
  unread(): UnreadConnection[] {
    return this.opened
      .filter(
        (opened) => wantsInput(opened) && holdersOf(opened).some((why) => !this.mayHold.has(why)),
      )
      .map((opened) => new UnreadConnection(opened));
  }

  /** Fails for connections that were not read in time. */
  verifyRead(unread: readonly UnreadConnection[], nowMs: number, withinMs: number): void {
    this.throwIfFailed();
    if (unread.length === 0) return;
    const faults = unread.map(({ opened }) => {
      const { process, channel } = opened;
      return `on host ${process.hostName}, held by ${holdersOf(opened).join(', ')}: ${channel}`;
    });
    const text = `at ${nowMs} ms, an open connection was not read for ${withinMs} ms`;
    throw new SimulationError(`${text}\n${faults.join('\n')}`);
  }

  /** Checks the state after all connections have ended. */
  verify(nowMs: number): void {
    this.throwIfFailed();
    const faults: string[] = [];
    for (const { process, channel } of this.opened.filter(isThere)) {
      faults.push(`on host ${process.hostName} a channel is still there: ${channel}`);
    }
    for (const [host, count] of this.futures.unsettled()) {
      faults.push(`on host ${host} ${count} write futures that somebody waits for never settled`);
    }
    for (const { process, name, count } of this.watched) {
      if (process?.isAlive === false) continue;
      const left = count();
      if (left !== 0) faults.push(`on host ${process?.hostName ?? '?'} ${name} is ${left}, not 0`);
    }
    if (faults.length === 0) return;
    const text = faults.join('\n');
    throw new SimulationError(`at ${nowMs} ms, after all connections are gone:\n${text}`);
  }

  /** Checks that the input of a channel is requested, unless somebody holds it. */
  private checkInput(opened: Opened): void {
    const { process, channel, asksForInput } = opened;
    if (!wantsInput(opened) || holdersOf(opened).length > 0 || asksForInput()) return;
    const text = `on host ${process.hostName} nobody reads a channel, and nobody holds its reads: ${channel}`;
    this.failed(new SimulationError(text));
  }

  /** Checks that a channel's pending output is within its limit. */
  private checkOutput({ process, channel, maxOutboundBytes }: Opened): void {
    const held = channel.pendingOutboundBytes;
    if (held <= maxOutboundBytes || !channel.isOpen) return;
    this.failed(
      new SimulationError(
        `on host ${process.hostName} a channel holds ${held} bytes of output, but may hold ${maxOutboundBytes}`,
      ),
    );
  }
}

function isThere({ process, channel }: Opened): boolean {
  return process.isAlive && (channel.isOpen || channel.isRegistered);
}

/** Returns true if the connection is open, and its program wants its input. */
function wantsInput({ process, channel }: Opened): boolean {
  return process.isAlive && channel.isActive && !channel.isInputShutdown && !channel.discardsInput;
}

/** Returns the names of those that hold the reads of a channel. */
function holdersOf({ channel }: Opened): readonly string[] {
  if (channel.isReadHeld) return channel.readHolds;
  return channel.autoRead ? [] : [UNASKED];
}
