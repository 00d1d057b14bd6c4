import type { BusSubscription } from '@headrace/bus';
import type { Clock } from '@headrace/core';
import { OpenedLimits } from '../contract/opened-limits.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLog,
  StatePage,
  StateWrite,
} from '../contract/state-log.ts';
import { MemoryState } from './memory-state.ts';
import { MemoryStreams } from './memory-streams.ts';

/** The epoch of states that no other process reads. */
const OWN_EPOCH = '1';

/** Returns states for a program without a bus that has some. They end with the process. */
export function memoryStates(clock: Clock): StateLog {
  return new OwnStates(clock, new MemoryStreams((start) => new MemoryState(OWN_EPOCH, start)));
}

/** A user of states of this process, with limits of its own. */
export class OwnStates implements StateLog {
  private readonly clock: Clock;
  private readonly states: MemoryStreams<MemoryState>;
  private readonly limits = new OpenedLimits<StateLimits>();

  constructor(clock: Clock, states: MemoryStreams<MemoryState>) {
    this.clock = clock;
    this.states = states;
  }

  async open(stream: string, limits: StateLimits): Promise<void> {
    this.limits.open(stream, limits);
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    const limits = this.limits.of(stream);
    return this.states.of(stream).append(id, write, limits, this.clock.now());
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    const limits = this.limits.of(stream);
    return this.states.of(stream).read(after, limit, limits, this.clock.now());
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    return { close: this.states.of(stream).follow(listener) };
  }
}
