import { Buffer } from 'node:buffer';
import type { BusSubscription } from '@headrace/bus';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { LogEntry } from '../contract/log.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../contract/state-log.ts';
import { changeIn, floorIn, NatsStateReader, recordOf } from './nats-state-reader.ts';
import { NatsStateWriter } from './nats-state-writer.ts';
import { commonOf, epochOf, NatsStore, randomText } from './nats-store.ts';
import type { NatsStoreParts } from './nats-store-parts.ts';
import { FLOOR_TOKEN } from './state-record.ts';
import { memoryOf } from './stream-memory.ts';

const STREAM = /^(hr\.([A-Za-z0-9_-]+))\.s\.([A-Za-z0-9_-]+)$/;
const NOTHING = Buffer.alloc(0);
/** The server keeps the newest message of each key. */
const NEWEST = { messages: 1, ageMs: Number.POSITIVE_INFINITY };

/** One state over one link. */
interface LinkedState {
  readonly store: NatsStore;
  readonly reader: NatsStateReader;
  readonly writer: NatsStateWriter;
  /** Ends the subscriptions to what other nodes tell. */
  close(): void;
}

/** A live copy: of a change, or of the floor. */
type LiveEntry = StateEntry | (LogEntry & { readonly isFloor: true });

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
    const { reader, writer } = this.openedState(stream);
    const page = await reader.page(after, limit);
    writer.tidy();
    return page;
  }

  release(stream: string): void {
    this.opened.delete(stream);
    this.states.get(stream)?.close();
    this.states.delete(stream);
    // Nodes that still use the stream remember what it had, and notice if it is lost.
    this.parts.memories.delete(namesOf(stream).name);
  }

  waitsFor(stream: string, id: string): string | undefined {
    return this.states.get(stream)?.writer.waitsFor(id);
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    const { copies, subject } = namesOf(stream);
    const opened = new Promise<NatsStore>((resolve) => {
      const known = this.states.get(stream)?.store;
      if (known?.epoch !== undefined) resolve(known);
      else this.opened.set(stream, [...(this.opened.get(stream) ?? []), resolve]);
    });
    return this.parts.copies.follow<LiveEntry>(
      `${copies}.*`,
      opened,
      (place, { headers, data, subject: copy }) => {
        const { epoch, sequence, id } = place;
        const position = { epoch, offset: sequence };
        const isFloor = recordOf(headers, sequence)?.kind === 'f';
        if (isFloor) return { position, previous: sequence - 1, id, bytes: NOTHING, isFloor };
        return changeIn(place, `${subject}${copy.slice(copies.length)}`, headers, data, 0);
      },
      changesOf(listener),
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
    const floorSubject = `${subject}.${FLOOR_TOKEN}`;
    const store = new NatsStore(manager, {
      ...{ name, subjects: `${subject}.>`, copies: `${live}.>`, groups: 'state groups' },
      ...{ keepsNewest: true, replicas, maxBytes, memory, warn, clock, randomText },
      isWhole: async (info) => {
        if (info.state.last_seq <= (commonOf(info)?.offset ?? 0)) return true;
        const found = await manager.streams.getMessage(name, { last_by_subj: floorSubject });
        return floorIn(found, epochOf(info)) !== undefined;
      },
      announce: () => connection.publish(notices),
    });
    const unwatch = copies.watch(store, notices);
    const parts = { jetStream, copies, store, floorSubject, clock };
    const reader = new NatsStateReader(parts, limits);
    const writer = new NatsStateWriter(
      { ...parts, connection, reader, stream, turns, name: memory.writer },
      limits,
    );
    const callback = (error: Error | null, message: Parameters<typeof writer.askedToHold>[0]) => {
      if (error === null) writer.askedToHold(message);
    };
    const asked = connection.subscribe(turns, { callback });
    const close = (): void => {
      unwatch();
      asked.unsubscribe();
    };
    return { store, reader, writer, close };
  }
}

/** Passes the changes on. A change after a floor follows the change before the floor. */
function changesOf(listener: (entry: StateEntry) => void): (entry: LiveEntry) => void {
  let floor = 0;
  let before = 0;
  return (entry) => {
    const previous = entry.previous === floor ? before : entry.previous;
    if ('isFloor' in entry) {
      floor = entry.position.offset;
      before = previous;
    } else listener(previous === entry.previous ? entry : { ...entry, previous });
  };
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
