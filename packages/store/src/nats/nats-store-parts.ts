import type { NatsAccess } from '@headrace/bus/nats';
import type { EmptiedStates } from './emptied-states.ts';
import type { NatsCopies } from './nats-copies.ts';
import type { NatsJetStream } from './nats-jet-stream.ts';
import type { StreamMemory } from './stream-memory.ts';

/** The parts of a store over one link to NATS. */
export interface NatsStoreParts extends NatsAccess {
  readonly jetStream: NatsJetStream;
  readonly copies: NatsCopies;
  /** What earlier links have seen of each stream. */
  readonly memories: Map<string, StreamMemory>;
  readonly emptied: EmptiedStates;
}
