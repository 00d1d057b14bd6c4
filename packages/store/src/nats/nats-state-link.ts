import type { BusSubscription } from '@headrace/bus';
import type { JetStreamManager } from '@nats-io/jetstream';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../contract/state-log.ts';
import { NatsStateReader } from './nats-state-reader.ts';
import { NatsStateWriter } from './nats-state-writer.ts';
import { NatsStore, randomText } from './nats-store.ts';
import type { NatsStoreParts } from './nats-store-parts.ts';
import { StateCopies } from './state-copies.ts';
import { namesOf, type StateNames } from './state-names.ts';
import { isEmptyEpoch } from './state-record.ts';
import { memoryOf } from './stream-memory.ts';

/** The server keeps the newest message of each key. */
const NEWEST = { messages: 1, ageMs: Number.POSITIVE_INFINITY };

/** One state over one link. */
interface LinkedState {
  readonly names: StateNames;
  readonly store: NatsStore;
  readonly reader: NatsStateReader;
  readonly writer: NatsStateWriter;
  readonly limits: StateLimits;
  /** Ends the subscription to what other nodes tell. */
  close(): void;
}

/** State groups in JetStream: states share streams, with one subject for each key. An empty state leaves nothing in its stream. */
export class NatsStateLink implements StateLink {
  private readonly parts: NatsStoreParts;
  private readonly stores = new Map<string, NatsStore>();
  private readonly states = new Map<string, LinkedState>();
  /** The live copies of each stream, while one of its states is followed. */
  private readonly copies = new Map<string, StateCopies>();

  constructor(parts: NatsStoreParts) {
    this.parts = parts;
    const { connection, emptied, clock } = parts;
    const ended = emptied.linked(clock, (stream, limits) => this.empty(stream, limits));
    void connection.closed().then(ended, ended);
  }

  async open(stream: string, limits: StateLimits): Promise<void> {
    const { manager } = await this.parts.jetStream.clients();
    const state = { ...(this.states.get(stream) ?? this.stateOf(manager, stream, limits)), limits };
    this.states.set(stream, state);
    const { store, reader, writer } = state;
    reader.limit(limits);
    writer.limit(limits);
    if (!(await store.open(NEWEST))) this.parts.copies.madeAnew(store);
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    return this.openedState(stream).writer.append(id, write);
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    const { names, reader, writer, limits } = this.openedState(stream);
    const { top, ...page } = await reader.page(after, limit);
    writer.tidy();
    const { epoch, entries, end, last } = page;
    if (end === last && top !== undefined) this.copies.get(names.name)?.read(names, { last, top });
    const isWhole = after === 0 && end === last && !isEmptyEpoch(epoch);
    if (isWhole && entries.every(({ isRemoval }) => isRemoval)) this.canBeEmpty(stream, limits);
    return page;
  }

  release(stream: string): void {
    this.states.get(stream)?.close();
    this.states.delete(stream);
  }

  waitsFor(stream: string, id: string): string | undefined {
    return this.states.get(stream)?.writer.waitsFor(id);
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    const names = namesOf(stream);
    const { name } = names;
    let copies = this.copies.get(name);
    if (copies === undefined) {
      copies = new StateCopies(this.parts, names, this.openedStore(names), () => {
        this.copies.delete(name);
      });
      this.copies.set(name, copies);
    }
    return copies.follow(names, listener);
  }

  // --- parts ---

  private openedState(stream: string): LinkedState {
    const state = this.states.get(stream);
    if (state?.store.epoch === undefined) throw new Error(`${stream} is not open`);
    return state;
  }

  /** Resolves with the store of a stream once it is open. Waits without limit for a call of `open` of any state in it. */
  private async openedStore(names: StateNames): Promise<NatsStore> {
    const { manager } = await this.parts.jetStream.clients();
    const store = this.storeOf(manager, names);
    await store.opened;
    return store;
  }

  private stateOf(manager: JetStreamManager, stream: string, limits: StateLimits): LinkedState {
    const { connection, jetStream, copies, memories, clock } = this.parts;
    const names = namesOf(stream);
    const { name, subject, copies: live, floorSubject } = names;
    const store = this.storeOf(manager, names);
    const parts = { jetStream, copies, store, all: `${subject}.*`, floorSubject, clock };
    const reader = new NatsStateReader(parts, limits);
    const writer = new NatsStateWriter(
      {
        ...{ ...parts, connection, reader, subject, turns: `${live}.turn` },
        name: memoryOf(memories, name).writer,
        removed: () => this.canBeEmpty(stream, this.states.get(stream)?.limits ?? limits),
      },
      limits,
    );
    const callback = (error: Error | null, message: Parameters<typeof writer.askedToHold>[0]) => {
      if (error === null) writer.askedToHold(message);
    };
    const asked = connection.subscribe(`${live}.turn`, { callback });
    return { names, store, reader, writer, limits, close: () => asked.unsubscribe() };
  }

  private storeOf(manager: JetStreamManager, names: StateNames): NatsStore {
    const { connection, copies, replicas, maxBytes, memories, warn, clock } = this.parts;
    const { name, bucket, bucketCopies } = names;
    const known = this.stores.get(name);
    if (known !== undefined) return known;
    const notices = `${bucketCopies}.epoch`;
    const store = new NatsStore(manager, {
      ...{ name, subjects: `${bucket}.>`, copies: `${bucketCopies}.>`, groups: 'state groups' },
      ...{ keepsNewest: true, replicas, maxBytes, memory: memoryOf(memories, name) },
      ...{ warn, clock, randomText, announce: () => connection.publish(notices) },
    });
    copies.watch(store, notices);
    this.stores.set(name, store);
    return store;
  }

  // --- empty states ---

  private canBeEmpty(stream: string, limits: StateLimits): void {
    this.parts.emptied.note(stream, limits);
  }

  /** Removes what is left of a state. Resolves with true if it has removals that are remembered, or is in use. */
  private async empty(stream: string, limits: StateLimits): Promise<boolean> {
    const { manager } = await this.parts.jetStream.clients();
    const known = this.states.get(stream);
    const state = known ?? this.stateOf(manager, stream, limits);
    const { store, reader, writer, close } = state;
    try {
      if (!(await store.open(NEWEST))) return true;
      return !(await writer.empty()) && !reader.removals.isEmpty;
    } finally {
      if (known === undefined) close();
    }
  }
}
