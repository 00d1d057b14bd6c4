import type { Clock } from '../contract/clock.ts';
import type { Address } from '../contract/connection.ts';
import { describeOptions } from '../option/option-set.ts';
import { systemClock } from '../time/system-clock.ts';
import type { Listener } from './listener.ts';
import { MemoryEnd } from './memory-end.ts';
import { listenInMemory, type MemoryListener } from './memory-source.ts';
import { CAPACITY, MemoryTransport } from './memory-transport.ts';
import { systemError } from './system-error.ts';

/** Options of a {@link MemoryNetwork}. */
export interface MemoryNetworkOptions {
  /** Maximum number of bytes that each direction of a connection holds before its writer must wait. @default 65536 */
  readonly capacityBytes?: number;
}

const OPTIONS = describeOptions('MemoryNetwork', { capacityBytes: CAPACITY });

interface Listening {
  readonly listener: MemoryListener;
  readonly clock: Clock;
}

/**
 * Names on which servers listen and to which clients connect, without ports, in one process. Use the network for
 * integration tests, for benchmarks, and for parts of a program that communicate as if they were separate programs.
 *
 * @example
 * ```ts
 * const network = new MemoryNetwork();
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(new Echo()))
 *   .bind({ network, name: 'echo' });
 * const client = await new Bootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new Printer()))
 *   .connect({ network, name: 'echo' });
 * ```
 * @see Netty's `LocalAddress` and `LocalServerChannel`; here the names belong to an object, not to the module
 */
export class MemoryNetwork {
  private readonly capacityBytes: number;
  private readonly listeners = new Map<string, Listening>();
  private connections = 0;

  constructor(options: MemoryNetworkOptions = {}) {
    this.capacityBytes = OPTIONS.resolve(options).capacityBytes;
  }

  /** The names on which servers listen now. */
  get names(): string[] {
    return [...this.listeners.keys()];
  }

  /** Returns a listener on a name. The name is taken when the listener is opened. */
  listen(name: string, clock: Clock = systemClock): Listener {
    const { listeners } = this;
    const claim = () => {
      if (listeners.has(name)) {
        return systemError('EADDRINUSE', `listen EADDRINUSE memory:${name}`);
      }
      listeners.set(name, { listener, clock });
      return { path: `memory:${name}` };
    };
    const release = () => void listeners.delete(name);
    const listener = listenInMemory({ claim, release }, clock);
    return listener;
  }

  /** Returns a transport that connects to a name when the transport is opened. */
  connect(name: string, clock: Clock = systemClock): MemoryTransport {
    this.connections += 1;
    const local: Address = { path: `memory:${name}#${this.connections}` };
    const remote: Address = { path: `memory:${name}` };
    const near = new MemoryEnd(local, remote, this.capacityBytes);
    return MemoryTransport.over(clock, near, () => {
      const found = this.listeners.get(name);
      if (found !== undefined && found.listener.room > 0) {
        const far = new MemoryEnd(remote, local, this.capacityBytes);
        near.join(far);
        found.listener.accept(MemoryTransport.over(found.clock, far));
        return undefined;
      }
      const why = found === undefined ? 'nobody listens there' : 'its backlog is full';
      return systemError('ECONNREFUSED', `connect ECONNREFUSED memory:${name}: ${why}`);
    });
  }
}
