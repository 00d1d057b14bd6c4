// A network in memory on virtual time, for the exact time lines.
import { MemoryNetwork, type MemoryTarget, type Server, silentLogger } from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { vi } from 'vitest';

export class InMemory {
  readonly clock: VirtualClock = new VirtualClock();
  readonly place: MemoryTarget = { network: new MemoryNetwork(), name: 'server' };
  readonly options = { clock: this.clock, logger: silentLogger };
  /** What was printed, each line behind the time in seconds. */
  readonly lines: string[] = [];

  constructor() {
    vi.spyOn(console, 'log').mockImplementation((line: unknown) => {
      this.lines.push(`${this.clock.now() / 1000} ${line}`);
    });
  }

  /** Waits for what resolves as soon as it gets its turn. */
  async done<T>(promise: Promise<T>): Promise<T> {
    await this.settle();
    return promise;
  }

  /** The process is gone, with its connections. */
  async kill(server: Server): Promise<void> {
    for (const channel of server.connections) channel.abort();
    server.channel.close();
    await this.settle();
  }

  /** Time passes, and promises keep up with it. */
  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }

  private settle(): Promise<void> {
    return settle(this.clock);
  }
}
