import {
  type Channel,
  ChannelError,
  type Clock,
  type Logger,
  OptionError,
  PipelineError,
  stderrLogger,
  TimedOutError,
  type Timer,
} from '@headrace/core';
import {
  attempted,
  CLOCK,
  carefulLogger,
  choice,
  describeOptions,
  fn,
  LOGGER,
  rendezvous,
  time,
  toError,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import { placeKey } from './place-key.ts';

/** Options of {@link Backends}. */
export interface BackendsOptions<P> {
  /**
   * Choice of a place: the place with the fewest connections (`least-connections`), the places in turn (`round-robin`), or the
   * same place for the same key (`hash`). If a place joins or leaves, `hash` moves only the keys of that place.
   * @default 'least-connections'
   */
  readonly pick?: 'least-connections' | 'round-robin' | 'hash';
  /** Maximum number of places that one `connect` tries. @default 3 */
  readonly maxTries?: number;
  /** Number of consecutive failed connects after which a place is ejected. @default 3 */
  readonly maxFailures?: number;
  /** Time without connections for a place that was ejected, in milliseconds. `false` never ejects. @default 10000 */
  readonly ejectMs?: number | false;
  /**
   * Checks a place. A place whose check rejects gets no connections until a check succeeds. The signal aborts after
   * `checkTimeoutMs`.
   * @default no checks
   */
  readonly check?: (
    place: P,
    options: { readonly signal: AbortSignal },
  ) => PromiseLike<unknown> | unknown;
  /** Time between two checks of a place, in milliseconds. @default 5000 */
  readonly checkEveryMs?: number;
  /** Maximum duration of a check, in milliseconds. @default 2000 */
  readonly checkTimeoutMs?: number;
  /** Logger of ejections, of failed checks and of recoveries. @default standard error, warnings and errors */
  readonly logger?: Logger;
  /** Clock of the checks and ejections. @default systemClock */
  readonly clock?: Clock;
}

/** State of a place of {@link Backends}. */
export interface BackendStatus<P> {
  readonly place: P;
  /** Number of open connections, including connects under way. */
  readonly connections: number;
  /** Whether the place gets connections: it is not ejected, and its last check succeeded. */
  readonly isUsable: boolean;
}

const OPTIONS = describeOptions('Backends', {
  pick: choice(['least-connections', 'round-robin', 'hash'], { default: 'least-connections' }),
  maxTries: whole({ min: 1, default: 3 }),
  maxFailures: whole({ min: 1, default: 3 }),
  ejectMs: time({ default: 10_000 }),
  check: fn({ answers: 'async', takes: 2, purpose: 'checks a place' }),
  checkEveryMs: whole({ min: 1, default: 5000 }),
  checkTimeoutMs: whole({ min: 1, default: 2000 }),
  logger: LOGGER,
  clock: CLOCK,
});

const CONNECT_OPTIONS = describeOptions('Backends.connect', {
  key: unchecked(),
  signal: unchecked(),
});

interface Backend<P> {
  readonly place: P;
  readonly key: string;
  connections: number;
  /** Number of consecutive failed connects. */
  failures: number;
  ejectedUntil: number;
  isHealthy: boolean;
  timer: Timer | undefined;
}

/**
 * The servers behind a load balancer. It chooses a place for each connection, tries another place if the connect fails, ejects a
 * place whose connects fail, and checks the places. If no place is usable, all places are tried.
 *
 * @example
 * ```ts check
 * import { Backends } from '@headrace/client';
 * import { Bootstrap } from '@headrace/core';
 * import { ForwardHandler } from '@headrace/handlers';
 *
 * const backends = new Backends([
 *   { host: 'a.example', port: 6379 },
 *   { host: 'b.example', port: 6379 },
 * ]);
 * const forward = new ForwardHandler({
 *   connect: ({ install, signal }) =>
 *     backends.connect((place) => new Bootstrap().handler(install).connect(place, { signal }), {
 *       signal,
 *     }),
 * });
 * ```
 */
export class Backends<P> implements Disposable {
  private readonly pick: 'least-connections' | 'round-robin' | 'hash';
  private readonly maxTries: number;
  private readonly maxFailures: number;
  private readonly ejectMs: number;
  private readonly check: BackendsOptions<P>['check'];
  private readonly checkEveryMs: number;
  private readonly checkTimeoutMs: number;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private backends: readonly Backend<P>[] = [];
  private turn = 0;
  private isClosed = false;

  /** @throws OptionError if an option is not valid, or a place is listed twice */
  constructor(places: readonly P[], options: BackendsOptions<P> = {}) {
    const resolved = OPTIONS.resolve(options as BackendsOptions<unknown>);
    this.pick = resolved.pick;
    this.maxTries = resolved.maxTries;
    this.maxFailures = resolved.maxFailures;
    this.ejectMs = resolved.ejectMs;
    this.check = resolved.check as BackendsOptions<P>['check'];
    this.checkEveryMs = resolved.checkEveryMs;
    this.checkTimeoutMs = resolved.checkTimeoutMs;
    this.logger = carefulLogger(resolved.logger ?? stderrLogger());
    this.clock = resolved.clock;
    this.update(places);
  }

  /** The places with their states, in the order of the list. */
  get status(): readonly BackendStatus<P>[] {
    const now = this.clock.now();
    return this.backends.map((backend) => ({
      place: backend.place,
      connections: backend.connections,
      isUsable: isUsable(backend, now),
    }));
  }

  /**
   * Replaces the list of places. A place that is in both lists keeps its state. Connections to a place that left continue.
   *
   * @throws OptionError `OPTION_INVALID` if the list is empty, or has a place twice
   */
  update(places: readonly P[]): void {
    const known = new Map(this.backends.map((backend) => [backend.key, backend]));
    const keys = Array.isArray(places) ? places.map(placeKey) : [];
    if (keys.length === 0 || new Set(keys).size < keys.length) {
      const text = 'places must be a list of at least one place, each place once';
      throw new OptionError('OPTION_INVALID', text, { option: 'places' });
    }
    const left = new Set(known.keys());
    this.backends = places.map((place, i) => {
      const key = keys[i]!;
      left.delete(key);
      return known.get(key) ?? this.added(place, key);
    });
    for (const key of left) this.stopChecking(known.get(key)!);
  }

  /**
   * Connects to a place, and to other places if connects fail. Rejects with the error of the last try.
   *
   * @param dial - connects to a place. Limit its time, because the next place is tried only after it has failed
   * @param options - `key` chooses the place with `pick: 'hash'`, for example the client's address. `signal` ends the tries
   * @throws OptionError `OPTION_CONFLICT` without a key, with `pick: 'hash'`
   * @throws ChannelError `CHANNEL_REFUSED` if a new list leaves no place to try
   */
  async connect<C extends Pick<Channel, 'onClosed'>>(
    dial: (place: P) => PromiseLike<C>,
    options: { readonly key?: string; readonly signal?: AbortSignal } = {},
  ): Promise<C> {
    CONNECT_OPTIONS.checkNames(options);
    const { key, signal } = options;
    if (this.pick === 'hash' && typeof key !== 'string') {
      const text = "pick: 'hash' needs a key: which connections go to the same place?";
      throw new OptionError('OPTION_CONFLICT', text, { option: 'key' });
    }
    const tried = new Set<Backend<P>>();
    for (;;) {
      signal?.throwIfAborted();
      const backend = this.choose(tried, key);
      tried.add(backend);
      try {
        return await this.dialed(backend, dial);
      } catch (thrown) {
        signal?.throwIfAborted();
        const error = toError(thrown);
        // Another place would not help against a mistake of the program.
        if (error instanceof OptionError || error instanceof PipelineError) throw error;
        this.failed(backend, error);
        if (tried.size >= Math.min(this.maxTries, this.backends.length)) throw error;
      }
    }
  }

  /** Stops the checks. Later connects still choose a place. */
  close(): void {
    this.isClosed = true;
    for (const backend of this.backends) this.stopChecking(backend);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // --- choice ---

  private choose(tried: ReadonlySet<Backend<P>>, key: string | undefined): Backend<P> {
    const now = this.clock.now();
    const left = this.backends.filter((backend) => !tried.has(backend));
    const usable = left.filter((backend) => isUsable(backend, now));
    // If a check is wrong, or all places had a bad moment, it is better to try than to refuse all clients.
    const among = usable.length > 0 ? usable : left;
    if (among.length === 0) throw new ChannelError('CHANNEL_REFUSED', 'no place is left to try');
    if (this.pick !== 'hash') return this.inTurn(among);
    return rendezvous(among, key!, (backend) => backend.key)!;
  }

  /** Returns the next place in turn, with the fewest connections for `least-connections`. */
  private inTurn(among: readonly Backend<P>[]): Backend<P> {
    const count = among.length;
    let best = among[this.turn % count]!;
    if (this.pick === 'least-connections') {
      for (let i = 1; i < count; i++) {
        const other = among[(this.turn + i) % count]!;
        if (other.connections < best.connections) best = other;
      }
    }
    this.turn = (this.turn + 1) % Number.MAX_SAFE_INTEGER;
    return best;
  }

  // --- connections ---

  private async dialed<C extends Pick<Channel, 'onClosed'>>(
    backend: Backend<P>,
    dial: (place: P) => PromiseLike<C>,
  ): Promise<C> {
    backend.connections += 1;
    const left = (): void => {
      backend.connections -= 1;
    };
    try {
      const channel = await dial(backend.place);
      channel.onClosed(left);
      if (backend.failures >= this.maxFailures) this.report('info', backend, 'connects again');
      backend.failures = 0;
      backend.ejectedUntil = Number.NEGATIVE_INFINITY;
      return channel;
    } catch (error) {
      left();
      throw error;
    }
  }

  private failed(backend: Backend<P>, error: Error): void {
    backend.failures += 1;
    if (backend.failures < this.maxFailures || this.ejectMs === Number.POSITIVE_INFINITY) return;
    backend.ejectedUntil = this.clock.now() + this.ejectMs;
    const what = `gets no connections for ${this.ejectMs} ms: ${backend.failures} connects failed in a row: ${error.message}`;
    this.report(backend.failures === this.maxFailures ? 'warn' : 'debug', backend, what);
  }

  // --- checks ---

  private added(place: P, key: string): Backend<P> {
    const backend: Backend<P> = {
      place,
      key,
      connections: 0,
      failures: 0,
      ejectedUntil: Number.NEGATIVE_INFINITY,
      isHealthy: true,
      timer: undefined,
    };
    if (this.check !== undefined && !this.isClosed) this.checkIn(backend, 0);
    return backend;
  }

  private checkIn(backend: Backend<P>, delayMs: number): void {
    backend.timer = this.clock.schedule(() => void this.checkNow(backend), delayMs);
  }

  private stopChecking(backend: Backend<P>): void {
    backend.timer?.cancel();
    backend.timer = undefined;
  }

  private async checkNow(backend: Backend<P>): Promise<void> {
    const { clock, checkTimeoutMs: timeoutMs } = this;
    const text = `the check has not settled within ${timeoutMs} ms`;
    const error = () => new TimedOutError('TIMEOUT_CONNECT', text, { timeoutMs });
    const limit = { clock, timeoutMs, error };
    const { timer } = backend;
    try {
      await attempted(async (signal) => this.check!(backend.place, { signal }), { limit });
      if (!backend.isHealthy) this.report('info', backend, 'passes its check again');
      backend.isHealthy = true;
    } catch (thrown) {
      const what = `gets no connections, its check failed: ${toError(thrown).message}`;
      this.report(backend.isHealthy ? 'warn' : 'debug', backend, what);
      backend.isHealthy = false;
    }
    // The place may have left the list, or the checks may have stopped.
    if (backend.timer === timer && timer !== undefined) this.checkIn(backend, this.checkEveryMs);
  }

  private report(level: 'info' | 'warn' | 'debug', { place }: Backend<P>, what: string): void {
    this.logger.log(level, `the backend ${shown(place)} ${what}`);
  }
}

function isUsable(backend: Backend<unknown>, now: number): boolean {
  return backend.isHealthy && now >= backend.ejectedUntil;
}

function shown(place: unknown): string {
  const { host, port, path, name } = (place ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof port === 'number') return `${String(host ?? 'localhost')}:${port}`;
  return typeof (path ?? name) === 'string' ? String(path ?? name) : placeKey(place);
}
