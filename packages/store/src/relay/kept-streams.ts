import { Buffer } from 'node:buffer';
import type {
  CallReader,
  Relay,
  RelayService,
  ServedLink,
  ServiceLink,
} from '@headrace/bus/authoring';
import { OpenedLimits } from '../contract/opened-limits.ts';
import type { KeyRecords } from '../contract/records.ts';
import type { StoreKind } from '../contract/store-link.ts';
import type { MemoryRecords } from '../memory/memory-records.ts';
import { MemoryStreams } from '../memory/memory-streams.ts';
import {
  type FollowedKind,
  type FollowedMemory,
  type KeptKind,
  LOGS,
  RECORDS,
  STATES,
} from './relay-kinds.ts';

/** Calls of a worker to the process of the relay. The stream follows the code, and then the fields. */
export const STORE_CALL = {
  /** the limits */
  open: 0,
  /** id, and the fields of the change; for records: key, data, after or nothing, replaces (0 or 1) */
  append: 1,
  /** after, limit; for records: key */
  read: 2,
  /** the service sends the stream and each entry from now on */
  follow: 3,
  unfollow: 4,
  /** key, after */
  remove: 5,
  /** nothing */
  release: 6,
} as const;

/** The streams of one kind in the memory of this process, for the links of one relay. */
export class KeptStreams<Memory> extends MemoryStreams<Memory> implements RelayService {
  private readonly serve: (streams: KeptStreams<Memory>, link: ServiceLink) => ServedLink;

  constructor(
    { make, emptyAt }: KeptKind<Memory>,
    serve: (streams: KeptStreams<Memory>, link: ServiceLink) => ServedLink,
  ) {
    super(make, emptyAt);
    this.serve = serve;
  }

  connect(link: ServiceLink): ServedLink {
    return this.serve(this, link);
  }
}

/** Returns the streams of a kind with followers in a relay, and makes them at the first call. */
export function followedIn<K extends StoreKind, Memory extends FollowedMemory<K>>(
  relay: Relay,
  kind: FollowedKind<K, Memory>,
): KeptStreams<Memory> {
  return keptIn(relay, kind, (streams, link) => new ServedStreams(kind, streams, link));
}

/** Returns the records in a relay, and makes them at the first call. */
export function recordsIn(relay: Relay): KeptStreams<MemoryRecords> {
  return keptIn(relay, RECORDS, servedRecords);
}

/** Makes the stores of a relay, so that its workers can use them although this process does not. */
export function keepStores(relay: Relay): void {
  followedIn(relay, LOGS);
  followedIn(relay, STATES);
  recordsIn(relay);
}

function keptIn<Memory>(
  { services }: Relay,
  kind: KeptKind<Memory>,
  serve: (streams: KeptStreams<Memory>, link: ServiceLink) => ServedLink,
): KeptStreams<Memory> {
  const known = services.get(kind.service) as KeptStreams<Memory> | undefined;
  const streams = known ?? new KeptStreams(kind, serve);
  services.set(kind.service, streams);
  return streams;
}

/** The streams with followers, for the link of one worker. */
class ServedStreams<K extends StoreKind, Memory extends FollowedMemory<K>> implements ServedLink {
  private readonly kind: FollowedKind<K, Memory>;
  private readonly streams: KeptStreams<Memory>;
  private readonly link: ServiceLink;
  private readonly limits = new OpenedLimits<K['limits']>();
  /** The functions that end the followings, by stream. */
  private readonly followings = new Map<string, () => void>();

  constructor(kind: FollowedKind<K, Memory>, streams: KeptStreams<Memory>, link: ServiceLink) {
    this.kind = kind;
    this.streams = streams;
    this.link = link;
  }

  call(fields: CallReader): () => unknown {
    const { kind, streams, link, limits } = this;
    const what = fields.number();
    const name = fields.text();
    switch (what) {
      case STORE_CALL.open: {
        const given = Object.fromEntries(kind.limits.map((limit) => [limit, fields.number()]));
        return () => {
          limits.open(name, given);
          kind.opened?.(streams.of(name), given);
        };
      }
      case STORE_CALL.append: {
        const id = fields.text();
        const write = kind.writeFrom(fields);
        return () => {
          const memory = streams.of(name);
          return kind.answerText(kind.append(memory, id, write, limits.of(name), link.now()));
        };
      }
      case STORE_CALL.read: {
        const after = fields.number();
        const limit = fields.number();
        return () => {
          const page = kind.read(streams.of(name), after, limit, limits.of(name), link.now());
          return { ...page, entries: page.entries.map(kind.entryText) };
        };
      }
      case STORE_CALL.follow:
        return () => this.follow(name);
      case STORE_CALL.unfollow:
        return () => {
          this.followings.get(name)?.();
          this.followings.delete(name);
        };
      case STORE_CALL.release:
        return () => {
          limits.release(name);
          streams.release(name);
        };
      default:
        throw new Error(`there is no call ${what}`);
    }
  }

  close(): void {
    for (const end of this.followings.values()) end();
    this.followings.clear();
  }

  private follow(name: string): void {
    if (this.followings.has(name)) return;
    const end = this.streams.of(name).follow((entry) => {
      const text = this.kind.entryText(entry);
      this.link.tell(name.length + lengthOf(text), name, text);
    });
    this.followings.set(name, end);
  }
}

/** Returns the length of fields: their texts, and a maximum for the others. */
function lengthOf(text: readonly unknown[]): number {
  return text.reduce<number>(
    (sum, field) => sum + (typeof field === 'string' ? field.length : 20),
    0,
  );
}

/** The records, for the link of one worker. */
function servedRecords(streams: KeptStreams<MemoryRecords>, link: ServiceLink): ServedLink {
  return {
    call: (fields) => {
      const what = fields.number();
      const name = fields.text();
      switch (what) {
        case STORE_CALL.open: {
          const keepMs = fields.number();
          return () => streams.of(name).limit({ keepMs });
        }
        case STORE_CALL.append: {
          const key = fields.text();
          const bytes = Buffer.from(fields.text(), 'base64');
          const after = fields.text() || undefined;
          const replaces = fields.number() === 1;
          return () => streams.of(name).append({ key, bytes, after, replaces }, link.now()) ?? null;
        }
        case STORE_CALL.read: {
          const key = fields.text();
          return () => recordsText(streams.of(name).read(key, link.now()));
        }
        case STORE_CALL.remove: {
          const [key, after] = [fields.text(), fields.text()];
          return () => streams.of(name).remove(key, after);
        }
        default:
          throw new Error(`there is no call ${what}`);
      }
    },
    close: () => {},
  };
}

/** The answer to a read: the revision, and the data of each record. */
function recordsText(found: KeyRecords | undefined): readonly string[] | null {
  if (found === undefined) return null;
  return [found.revision, ...found.records.map((record) => record.toString('base64'))];
}
