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

/** The epoch of states that no other process reads. */
const OWN_EPOCH = '1';

/** States in the memory of this process, by name. */
export class MemoryStates {
  private readonly states = new Map<string, MemoryState>();
  private readonly epoch: string | undefined;

  /** @param epoch - the epoch of each state. @default each state has another one */
  constructor(epoch?: string) {
    this.epoch = epoch;
  }

  /** Returns a state, and makes it at the first call. */
  state(name: string): MemoryState {
    let state = this.states.get(name);
    if (state === undefined) {
      state = new MemoryState(this.epoch);
      this.states.set(name, state);
    }
    return state;
  }

  /** Forgets all states, as a server that has lost its data. For tests. */
  clear(): void {
    this.states.clear();
  }
}

/** Returns states for a program without a bus that has some. They end with the process. */
export function memoryStates(clock: Clock): StateLog {
  return new OwnStates(clock, new MemoryStates(OWN_EPOCH));
}

/** A user of states of this process, with limits of its own. */
export class OwnStates implements StateLog {
  private readonly clock: Clock;
  private readonly states: MemoryStates;
  private readonly limits = new OpenedLimits<StateLimits>();

  constructor(clock: Clock, states: MemoryStates) {
    this.clock = clock;
    this.states = states;
  }

  async open(stream: string, limits: StateLimits): Promise<void> {
    this.limits.open(stream, limits);
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    const limits = this.limits.of(stream);
    return this.states.state(stream).append(id, write, limits, this.clock.now());
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    const limits = this.limits.of(stream);
    return this.states.state(stream).read(after, limit, limits, this.clock.now());
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    return { close: this.states.state(stream).follow(listener) };
  }
}
