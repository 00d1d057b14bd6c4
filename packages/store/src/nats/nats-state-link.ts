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
import { changeIn, NatsStateReader } from './nats-state-reader.ts';
import { NatsStateWriter } from './nats-state-writer.ts';
import { NatsStore, randomText } from './nats-store.ts';
import type { NatsStoreParts } from './nats-store-parts.ts';
import { memoryOf } from './stream-memory.ts';

const STREAM = /^(hr\.([A-Za-z0-9_-]+))\.s\.([A-Za-z0-9_-]+)$/;
/** The server keeps the newest message of each key. */
const NEWEST = { messages: 1, ageMs: Number.POSITIVE_INFINITY };

/** One state over one link. */
interface LinkedState {
  readonly store: NatsStore;
  readonly reader: NatsStateReader;
  readonly writer: NatsStateWriter;
}

/** State groups in JetStream: one stream for each state, with one subject for each key. */
export class NatsStateLink implements StateLink {
  private readonly parts: NatsStoreParts;
  private readonly states = new Map<string, LinkedState>();
  /** The followers that wait until their state is opened. */
  private readonly opened = new Map<string, ((store: NatsStore) => void)[]>();

  constructor(parts: NatsStoreParts) {
    this.parts = parts;
  }

  async open(stream: string, limits: StateLimits): Promise<void> {
    const { manager } = await this.parts.jetStream.clients();
    let state = this.states.get(stream);
    if (state === undefined) {
      state = this.stateOf(manager, stream, limits);
      this.states.set(stream, state);
    }
    const { store, reader, writer } = state;
    reader.limit(limits);
    writer.limit(limits);
    if (!(await store.open(NEWEST))) {
      this.parts.copies.madeAnew(store);
      return;
    }
    for (const resolve of this.opened.get(stream) ?? []) resolve(store);
    this.opened.delete(stream);
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    return this.openedState(stream).writer.append(id, write);
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    return this.openedState(stream).reader.page(after, limit);
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    const { copies, subject } = namesOf(stream);
    const opened = new Promise<NatsStore>((resolve) => {
      const known = this.states.get(stream)?.store;
      if (known?.epoch !== undefined) resolve(known);
      else this.opened.set(stream, [...(this.opened.get(stream) ?? []), resolve]);
    });
    return this.parts.copies.follow<StateEntry>(
      `${copies}.*`,
      opened,
      (place, { headers, data, subject: copy }) =>
        changeIn(place, `${subject}${copy.slice(copies.length)}`, headers, data, 0),
      listener,
    );
  }

  // --- parts ---

  private openedState(stream: string): LinkedState {
    const state = this.states.get(stream);
    if (state?.store.epoch === undefined) throw new Error(`${stream} is not open`);
    return state;
  }

  private stateOf(manager: JetStreamManager, stream: string, limits: StateLimits): LinkedState {
    const { connection, jetStream, copies, replicas, maxBytes, memories, warn, clock } = this.parts;
    const { name, subject, copies: live } = namesOf(stream);
    const memory = memoryOf(memories, name);
    const [notices, turns] = [`${live}.epoch`, `${live}.turn`];
    const store = new NatsStore(manager, {
      ...{ name, subjects: `${subject}.>`, copies: `${live}.>`, groups: 'state groups' },
      ...{ keepsNewest: true, replicas, maxBytes, memory, warn, clock, randomText },
      announce: () => connection.publish(notices),
    });
    copies.watch(store, notices);
    const reader = new NatsStateReader({ jetStream, copies, store, clock }, limits);
    const writer = new NatsStateWriter(
      {
        ...{ connection, jetStream, store, reader, memory, stream, turns, clock },
        name: randomText().slice(0, 6),
      },
      limits,
    );
    const callback = (error: Error | null, message: Parameters<typeof writer.askedToHold>[0]) => {
      if (error === null) writer.askedToHold(message);
    };
    connection.subscribe(turns, { callback });
    return { store, reader, writer };
  }
}

/** Returns the JetStream stream of a state, and the subjects of its changes and of their copies, without the keys. */
function namesOf(stream: string): { name: string; subject: string; copies: string } {
  const [, prefix, app, token] = STREAM.exec(stream) ?? [];
  if (prefix === undefined || app === undefined || token === undefined) {
    throw new Error(`${stream} is not a name of a state: it looks like hr.<app>.s.<group>`);
  }
  // A name of an app or of a group has no plus sign, so no other stream has this name.
  return { name: `hr_${app}+${token}`, subject: stream, copies: `${prefix}.v.${token}` };
}
