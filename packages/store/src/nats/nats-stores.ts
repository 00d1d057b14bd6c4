import type { BusLink } from '@headrace/bus';
import type { NatsAccess } from '@headrace/bus/nats';
import type { StoreEngine } from '../contract/store-engine.ts';
import { EmptiedStates } from './emptied-states.ts';
import { NatsCopies } from './nats-copies.ts';
import { NatsJetStream } from './nats-jet-stream.ts';
import { NatsLogLink } from './nats-log-link.ts';
import { NatsRecordLink } from './nats-record-link.ts';
import { NatsStateLink } from './nats-state-link.ts';
import type { NatsStoreParts } from './nats-store-parts.ts';
import type { StreamMemory } from './stream-memory.ts';

/** The stores of one bus over NATS, in JetStream. */
export function natsStores(): StoreEngine {
  const memories = new Map<string, StreamMemory>();
  const emptied = new EmptiedStates();
  const partsOf = (link: BusLink): NatsStoreParts => {
    const access = link.access as NatsAccess;
    const jetStream = new NatsJetStream(access);
    return { ...access, jetStream, copies: new NatsCopies(access), memories, emptied };
  };
  return {
    openLog: (link) => new NatsLogLink(partsOf(link)),
    openStates: (link) => new NatsStateLink(partsOf(link)),
    openRecords: (link) => new NatsRecordLink(partsOf(link)),
  };
}
