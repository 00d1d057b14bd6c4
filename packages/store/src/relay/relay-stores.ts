import type { BusSubscription } from '@headrace/bus';
import type { Relay, RelayAccess } from '@headrace/bus/authoring';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../contract/log.ts';
import { OpenedLimits } from '../contract/opened-limits.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../contract/state-log.ts';
import type { StoreEngine } from '../contract/store-engine.ts';
import { type LogService, logsOf } from './log-service.ts';
import { type StateService, statesIn } from './state-service.ts';

/** The stores in the memory of this process: of a `memoryBus()`, and of the primary's `processBus()`. */
export function relayStores(): StoreEngine {
  return {
    openLog: ({ access }) => new RelayLogLink(access as RelayAccess),
    openStates: ({ access }) => new RelayStateLink(access as RelayAccess),
  };
}

/** Makes the stores of a relay, so that its workers can use them although this process does not. */
export function keepStores(relay: Relay): void {
  logsOf(relay);
  statesIn(relay);
}

class RelayLogLink implements LogLink {
  private readonly access: RelayAccess;
  private readonly logs: LogService;

  constructor(access: RelayAccess) {
    this.access = access;
    this.logs = logsOf(access.relay);
  }

  open(stream: string, limits: LogLimits): Promise<void> {
    return this.access.ask(() => this.logs.stream(stream).limit(limits));
  }

  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const { access, logs } = this;
    return access.ask(() => logs.stream(stream).append(id, bytes, access.clock.now()));
  }

  read(stream: string, after: number, limit: number): Promise<LogPage> {
    const { access, logs } = this;
    return access.ask(() => logs.stream(stream).read(after, limit, access.clock.now()));
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    return followed(this.access, listener, (take) => this.logs.stream(stream).follow(take));
  }
}

class RelayStateLink implements StateLink {
  private readonly access: RelayAccess;
  private readonly states: StateService;
  private readonly limits = new OpenedLimits<StateLimits>();

  constructor(access: RelayAccess) {
    this.access = access;
    this.states = statesIn(access.relay);
  }

  open(stream: string, limits: StateLimits): Promise<void> {
    return this.access.ask(() => this.limits.open(stream, limits));
  }

  append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    const { access, states, limits } = this;
    return access.ask(() => {
      const own = limits.of(stream);
      return states.state(stream).append(id, write, own, access.clock.now());
    });
  }

  read(stream: string, after: number, limit: number): Promise<StatePage> {
    const { access, states, limits } = this;
    return access.ask(() => {
      const own = limits.of(stream);
      return states.state(stream).read(after, limit, own, access.clock.now());
    });
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    return followed(this.access, listener, (take) => this.states.state(stream).follow(take));
  }
}

/** Follows until the subscription is closed or the link ends. The listener receives each entry later, like over any engine. */
function followed<E>(
  access: RelayAccess,
  listener: (entry: E) => void,
  follow: (take: (entry: E) => void) => () => void,
): BusSubscription {
  let isClosed = false;
  const unfollow = follow((entry) =>
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
