import type { ChannelOfSink } from '@headrace/core/authoring';
import type { SimulatedProcess } from '../host/simulated-process.ts';
import { SimulationError } from '../simulation-error.ts';
import { WaitingFutures } from './waiting-futures.ts';

interface Opened extends ChannelOfSink {
  readonly process: SimulatedProcess;
}

interface Watched {
  readonly process: SimulatedProcess | undefined;
  readonly name: string;
  readonly count: () => number;
}

/** The checks of every simulation: no error reaches a process, nothing waits forever, and counters return to zero. */
export class SimulationChecks {
  readonly futures: WaitingFutures = new WaitingFutures();
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
    return () => this.checkOutput(opened);
  }

  /** Stops watching new operations, because a client can continue to connect. */
  beginSettling(): void {
    this.isSettling = true;
    this.futures.takeNoMore();
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
