import { ChannelError } from '@headrace/core';
import { describeOptions, object } from '@headrace/core/authoring';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { BUS_OPTIONS, type EngineBusOptions } from '../bus/bus-options.ts';
import { EngineBus } from '../bus/engine-bus.ts';
import { LocalLink } from '../relay/local-link.ts';
import { Relay } from '../relay/relay.ts';

/** Options of {@link memoryBus}. */
export interface MemoryBusOptions extends EngineBusOptions {
  /** Hub of the bus. The buses of one hub exchange messages. @default a new hub */
  readonly hub?: MemoryHub;
}

const OPTIONS = describeOptions('memoryBus', { hub: object('a MemoryHub') }, BUS_OPTIONS);

/** Makes a bus within this process, for one node or for tests of several nodes. */
export function memoryBus(options: MemoryBusOptions = {}): EngineBus {
  const { hub = new MemoryHub() } = OPTIONS.resolve(options);
  const connect = async (sink: BusLinkSink, host: BusHost) => hub.connect(sink, host);
  const engine = { name: 'memory:', kind: 'relay', connect };
  return new EngineBus(engine, BUS_OPTIONS.only(options));
}

/** Connects the memory buses of a process. */
export class MemoryHub {
  /** @internal Subscriptions. */
  readonly relay = new Relay();
  private refuses = false;
  private isStopped = false;

  /**
   * Simulates the kill of a server with a disk. Every link is lost, and no new link can be made until {@link start}. The stored
   * messages of durable groups are not lost.
   */
  kill(): void {
    this.refuses = true;
    for (const link of this.relay.links()) {
      if (link instanceof LocalLink) link.lose(new Error('the hub was killed'));
    }
  }

  /** Simulates a server that a signal has stopped. The server accepts all messages, and delivers none until {@link start}. */
  stop(): void {
    this.isStopped = true;
  }

  /** Starts the hub again after {@link kill} or {@link stop}. Messages that arrived while the hub was stopped are lost. */
  start(): void {
    this.refuses = false;
    this.isStopped = false;
  }

  /** @internal Makes the link of one bus. */
  connect(sink: BusLinkSink, host: BusHost): BusLink {
    if (this.refuses) throw new ChannelError('CHANNEL_REFUSED', 'the hub was killed');
    return new LocalLink(this.relay, sink, host, () => !this.isStopped);
  }
}
