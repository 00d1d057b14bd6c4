import type { BusSubscription } from '@headrace/bus';
import type { WorkerAccess } from '@headrace/bus/authoring';
import { toBuffer } from '@headrace/core/authoring';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../contract/log.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../contract/state-log.ts';
import type { StoreEngine } from '../contract/store-engine.ts';
import {
  type EntryText,
  entryFrom,
  finite,
  type StateEntryText,
  stateEntryFrom,
  stateWriteFields,
} from './entry-text.ts';
import { LOG_CALL, LOG_SERVICE } from './log-service.ts';
import { STATE_CALL, STATE_SERVICE } from './state-service.ts';

/** The stores of a worker's `processBus()`, in the memory of the primary. */
export function workerStores(): StoreEngine {
  return {
    openLog: ({ access }) => new WorkerLogLink(access as WorkerAccess),
    openStates: ({ access }) => new WorkerStateLink(access as WorkerAccess),
  };
}

/** One store of the primary, over the link of a worker. */
class PrimaryStore<E, Text> {
  private readonly access: WorkerAccess;
  private readonly service: string;
  private readonly followers = new Map<string, (entry: E) => void>();

  constructor(access: WorkerAccess, service: string, read: (text: Text) => E) {
    this.access = access;
    this.service = service;
    access.listen(service, (fields) => {
      const follower = this.followers.get(fields.text());
      follower?.(read(fields.any() as Text));
    });
  }

  /** @param length - the length of the texts among the fields, without the stream */
  request(stream: string, length: number, what: number, ...fields: unknown[]): Promise<unknown> {
    const { access, service } = this;
    return access.request(service, stream.length + length, what, stream, ...fields);
  }

  /** Follows a stream. A link has one follower for each stream. */
  follow(
    stream: string,
    { follow, unfollow }: typeof LOG_CALL | typeof STATE_CALL,
    listener: (entry: E) => void,
  ): BusSubscription {
    const { access, service, followers } = this;
    const own = (entry: E): void => listener(entry);
    followers.set(stream, own);
    access.call(service, stream.length, follow, stream);
    return {
      close: () => {
        if (followers.get(stream) !== own) return;
        followers.delete(stream);
        access.call(service, stream.length, unfollow, stream);
      },
    };
  }
}

class WorkerLogLink implements LogLink {
  private readonly store: PrimaryStore<LogEntry, EntryText>;

  constructor(access: WorkerAccess) {
    this.store = new PrimaryStore(access, LOG_SERVICE, entryFrom);
  }

  async open(stream: string, { messages, ageMs }: LogLimits): Promise<void> {
    await this.store.request(stream, 0, LOG_CALL.open, ...[messages, ageMs].map(finite));
  }

  async append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const text = toBuffer(bytes).toString('base64');
    const length = id.length + text.length;
    return (await this.store.request(stream, length, LOG_CALL.append, id, text)) as LogPosition;
  }

  async read(stream: string, after: number, limit: number): Promise<LogPage> {
    const page = await this.store.request(stream, 0, LOG_CALL.read, after, finite(limit));
    const { entries, ...rest } = page as Omit<LogPage, 'entries'> & { entries: EntryText[] };
    return { ...rest, entries: entries.map(entryFrom) };
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    return this.store.follow(stream, LOG_CALL, listener);
  }
}

class WorkerStateLink implements StateLink {
  private readonly store: PrimaryStore<StateEntry, StateEntryText>;

  constructor(access: WorkerAccess) {
    this.store = new PrimaryStore(access, STATE_SERVICE, stateEntryFrom);
  }

  async open(stream: string, { keys, bytes, removals, removalAgeMs }: StateLimits): Promise<void> {
    const numbers = [keys, bytes, removals, removalAgeMs].map(finite);
    await this.store.request(stream, 0, STATE_CALL.open, ...numbers);
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    const fields = stateWriteFields(write);
    const length = id.length + write.key.length + String(fields[1]).length;
    const answer = await this.store.request(stream, length, STATE_CALL.append, id, ...fields);
    const { conflict } = answer as { readonly conflict?: StateEntryText | null };
    if (conflict === undefined || conflict === null) return answer as StateAnswer;
    return { conflict: stateEntryFrom(conflict) };
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    const page = await this.store.request(stream, 0, STATE_CALL.read, after, finite(limit));
    const { entries, ...rest } = page as Omit<StatePage, 'entries'> & { entries: StateEntryText[] };
    return { ...rest, entries: entries.map(stateEntryFrom) };
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    return this.store.follow(stream, STATE_CALL, listener);
  }
}
