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

/** No other process reads these states. */
const EPOCH = '1';

/** States in the memory of this process, for a program without a bus that has states. They end with the process. */
export function memoryStates(clock: Clock): StateLog {
  return new MemoryStates(clock);
}

class MemoryStates implements StateLog {
  private readonly clock: Clock;
  private readonly states = new Map<string, MemoryState>();
  private readonly limits = new OpenedLimits<StateLimits>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async open(stream: string, limits: StateLimits): Promise<void> {
    this.limits.open(stream, limits);
    if (!this.states.has(stream)) this.states.set(stream, new MemoryState(EPOCH));
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    return this.state(stream).append(id, write, this.limits.of(stream), this.clock.now());
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    return this.state(stream).read(after, limit, this.limits.of(stream), this.clock.now());
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    return { close: this.state(stream).follow(listener) };
  }

  /** @throws Error for a stream that was not opened */
  private state(stream: string): MemoryState {
    this.limits.of(stream);
    return this.states.get(stream)!;
  }
}
