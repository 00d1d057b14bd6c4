import { Buffer } from 'node:buffer';
import type { BusSubscription } from '@headrace/bus';
import type { WorkerAccess } from '@headrace/bus/authoring';
import { toBuffer } from '@headrace/core/authoring';
import type { RecordLink } from '../contract/records.ts';
import type { StoreEngine } from '../contract/store-engine.ts';
import type { StoreKind, StoreLink } from '../contract/store-link.ts';
import { STORE_CALL } from './kept-streams.ts';
import { type FollowedKind, type FollowedMemory, LOGS, RECORDS, STATES } from './relay-kinds.ts';

/** The stores of a worker's `processBus()`, in the memory of the primary. */
export function workerStores(): StoreEngine {
  return {
    openLog: ({ access }) => new WorkerStoreLink(LOGS, access as WorkerAccess),
    openStates: ({ access }) => new WorkerStoreLink(STATES, access as WorkerAccess),
    openRecords: ({ access }) => workerRecords(access as WorkerAccess),
  };
}

/** The streams of one kind in the primary, over the link of a worker. */
class WorkerStoreLink<K extends StoreKind, Memory extends FollowedMemory<K>>
  implements StoreLink<K>
{
  private readonly kind: FollowedKind<K, Memory>;
  private readonly access: WorkerAccess;
  private readonly followers = new Map<string, (entry: K['entry']) => void>();

  constructor(kind: FollowedKind<K, Memory>, access: WorkerAccess) {
    this.kind = kind;
    this.access = access;
    access.listen(kind.service, (fields) => {
      const follower = this.followers.get(fields.text());
      follower?.(kind.entryFrom(fields.list()));
    });
  }

  async open(stream: string, limits: K['limits']): Promise<void> {
    const given = limits as Readonly<Record<string, number>>;
    const numbers = this.kind.limits.map((name) => finite(given[name]!));
    await this.request(STORE_CALL.open, stream, ...numbers);
  }

  async append(stream: string, id: string, write: K['write']): Promise<K['answer']> {
    const fields = this.kind.writeFields(write);
    return this.kind.answerFrom(await this.request(STORE_CALL.append, stream, id, ...fields));
  }

  async read(stream: string, after: number, limit: number): Promise<K['page']> {
    const page = await this.request(STORE_CALL.read, stream, after, finite(limit));
    const { entries, ...rest } = page as { readonly entries: readonly (readonly unknown[])[] };
    return { ...rest, entries: entries.map(this.kind.entryFrom) };
  }

  /** Follows a stream. A link has one follower for each stream. */
  follow(stream: string, listener: (entry: K['entry']) => void): BusSubscription {
    const { access, kind, followers } = this;
    const own = (entry: K['entry']): void => listener(entry);
    followers.set(stream, own);
    access.call(kind.service, stream.length, STORE_CALL.follow, stream);
    return {
      close: () => {
        if (followers.get(stream) !== own) return;
        followers.delete(stream);
        access.call(kind.service, stream.length, STORE_CALL.unfollow, stream);
      },
    };
  }

  release(stream: string): void {
    this.access.call(this.kind.service, stream.length, STORE_CALL.release, stream);
  }

  private request(what: number, ...fields: readonly (string | number)[]): Promise<unknown> {
    return asked(this.access, this.kind.service, what, fields);
  }
}

function workerRecords(access: WorkerAccess): RecordLink {
  const ask = (what: number, ...fields: readonly (string | number)[]) =>
    asked(access, RECORDS.service, what, fields);
  return {
    open: async (stream, { keepMs }) => void (await ask(STORE_CALL.open, stream, finite(keepMs))),
    append: async (stream, { key, bytes, after, replaces }) => {
      const data = toBuffer(bytes).toString('base64');
      const place = [after ?? '', replaces ? 1 : 0] as const;
      const revision = await ask(STORE_CALL.append, stream, key, data, ...place);
      return (revision as string | null) ?? undefined;
    },
    read: async (stream, key) => {
      const found = (await ask(STORE_CALL.read, stream, key)) as readonly string[] | null;
      if (found === null) return undefined;
      const [revision, ...records] = found;
      return {
        revision: revision!,
        records: records.map((data) => Buffer.from(data, 'base64')),
      };
    },
    remove: async (stream, key, after) => void (await ask(STORE_CALL.remove, stream, key, after)),
  };
}

function asked(
  access: WorkerAccess,
  service: string,
  what: number,
  fields: readonly (string | number)[],
): Promise<unknown> {
  const texts = fields.reduce<number>(
    (sum, field) => sum + (typeof field === 'string' ? field.length : 0),
    0,
  );
  return access.request(service, texts, what, ...fields);
}

/** Returns a limit as a number that JSON has, because it has no Infinity. */
function finite(limit: number): number {
  return Math.min(limit, Number.MAX_SAFE_INTEGER);
}
