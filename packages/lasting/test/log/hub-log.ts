import { type EngineBus, MemoryHub, memoryBus } from '@headrace/bus';
import { type Clock, silentLogger } from '@headrace/core';
import { type SessionLog } from '@headrace/lasting';
import { sessionLogOf } from '@headrace/lasting/log';
import { forgetAll, recordsIn } from '../../../store/test/fixture/engines.ts';

const app = 'test';

/** A log in the memory of another process, over a bus for each process that uses it. */
export class HubLog {
  readonly hub = new MemoryHub();
  private readonly buses: EngineBus[] = [];

  constructor() {
    // A simulated host must not ask the system for random numbers.
    recordsIn(this.hub.relay).of('hr.ptest.k.lasting');
  }

  /** The log as one process has it. */
  reached(clock: Clock, random: () => number = Math.random): SessionLog {
    const bus = memoryBus({ hub: this.hub });
    this.buses.push(bus);
    bus.open({ clock, random, logger: silentLogger, probe: `hr.ptest.b.${this.buses.length}` });
    return sessionLogOf(bus, { app });
  }

  /** Its process is killed, and the next one, after `start`, has nothing. */
  kill(): void {
    this.hub.kill();
    forgetAll(this.hub.relay);
  }

  start(): void {
    this.hub.start();
  }

  async end(): Promise<void> {
    await Promise.all(this.buses.map((bus) => bus.close()));
  }
}
