import type { BusSubscription } from '@headrace/bus';
import type { RelayAccess } from '@headrace/bus/authoring';
import { OpenedLimits } from '../contract/opened-limits.ts';
import type { RecordLink } from '../contract/records.ts';
import type { StoreEngine } from '../contract/store-engine.ts';
import type { StoreKind, StoreLink } from '../contract/store-link.ts';
import { followedIn, type KeptStreams, recordsIn } from './kept-streams.ts';
import { type FollowedKind, type FollowedMemory, LOGS, STATES } from './relay-kinds.ts';

/** The stores in the memory of this process: of a `memoryBus()`, and of the primary's `processBus()`. */
export function relayStores(): StoreEngine {
  return {
    openLog: ({ access }) => new RelayStoreLink(LOGS, access as RelayAccess),
    openStates: ({ access }) => new RelayStoreLink(STATES, access as RelayAccess),
    openRecords: ({ access }) => relayRecords(access as RelayAccess),
  };
}

/** The streams of one kind, over a link of this process. */
class RelayStoreLink<K extends StoreKind, Memory extends FollowedMemory<K>>
  implements StoreLink<K>
{
  private readonly kind: FollowedKind<K, Memory>;
  private readonly access: RelayAccess;
  private readonly streams: KeptStreams<Memory>;
  private readonly limits = new OpenedLimits<K['limits']>();

  constructor(kind: FollowedKind<K, Memory>, access: RelayAccess) {
    this.kind = kind;
    this.access = access;
    this.streams = followedIn(access.relay, kind);
  }

  open(stream: string, limits: K['limits']): Promise<void> {
    return this.access.ask(() => {
      this.limits.open(stream, limits);
      this.kind.opened?.(this.streams.of(stream), limits);
    });
  }

  append(stream: string, id: string, write: K['write']): Promise<K['answer']> {
    const { kind, access, streams, limits } = this;
    return access.ask(() => {
      const own = limits.of(stream);
      return kind.append(streams.of(stream), id, write, own, access.clock.now());
    });
  }

  read(stream: string, after: number, limit: number): Promise<K['page']> {
    const { kind, access, streams, limits } = this;
    return access.ask(() => {
      const own = limits.of(stream);
      return kind.read(streams.of(stream), after, limit, own, access.clock.now());
    });
  }

  release(stream: string): void {
    this.limits.release(stream);
    this.streams.release(stream);
  }

  /** Follows until the subscription is closed or the link ends. The listener receives each entry later, like over any engine. */
  follow(stream: string, listener: (entry: K['entry']) => void): BusSubscription {
    const { access } = this;
    let isClosed = false;
    const unfollow = this.streams.of(stream).follow((entry) =>
      access.deliver(() => {
        if (!isClosed) listener(entry);
      }),
    );
    const forget = access.onEnd(unfollow);
    return {
      close: () => {
        isClosed = true;
        forget();
        unfollow();
      },
    };
  }
}

function relayRecords(access: RelayAccess): RecordLink {
  const { relay, clock } = access;
  const streams = recordsIn(relay);
  return {
    open: (stream, limits) => access.ask(() => streams.of(stream).limit(limits)),
    append: (stream, write) => access.ask(() => streams.of(stream).append(write, clock.now())),
    read: (stream, key) => access.ask(() => streams.of(stream).read(key, clock.now())),
    remove: (stream, key, after) => access.ask(() => streams.of(stream).remove(key, after)),
  };
}
