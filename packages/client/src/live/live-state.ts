import { DecodeError, type Logger, OptionError, stderrLogger } from '@headrace/core';
import {
  checkKind,
  describeOptions,
  LOGGER,
  onAbort,
  unchecked,
  WatchedEmitter,
  whole,
} from '@headrace/core/authoring';
import type { GroupPosition } from '../position/last-position.ts';
import { LiveChanges } from './live-changes.ts';
import type { LiveChange, LiveStateMessage } from './live-message.ts';
import { isObject, merged } from './merged.ts';

/** Options of a {@link LiveState}. */
export interface LiveStateOptions {
  /**
   * Maximum number of keys, at least `maxKeys` of the group. A key after twice this number is refused with `OPTION_INVALID`. Then a
   * `ReconnectingClient` gives up. Up to there, keys are taken, because a state that is behind can have keys that are gone on the
   * server.
   * @default 10000
   */
  readonly maxKeys?: number;
  /** Receives the errors of listeners. @default stderrLogger() */
  readonly logger?: Logger;
}

/** Options of {@link LiveState.changes}. */
export interface LiveChangesOptions {
  /** Signal that ends the loop. @default none */
  readonly signal?: AbortSignal;
}

/**
 * How complete a {@link LiveState} is.
 *
 * - `loading`: it has never had the whole state
 * - `ready`: it has the whole state, and each change as it is made
 * - `stale`: it had the whole state, and may lack changes, because the connection is lost or the state is catching up
 */
export type LiveStatus = 'loading' | 'ready' | 'stale';

/** Events of a {@link LiveState}, with the arguments of their listeners. */
export interface LiveStateEvents<Value = unknown> {
  /** A key has changed. */
  change: [change: LiveChange<Value>];
  /** The status has changed. */
  status: [status: LiveStatus];
}

/** The messages that follow `begin`. */
type ChangeType = Exclude<LiveStateMessage['type'], 'begin'>;
type Message<Value, Type> = Extract<LiveStateMessage<Value>, { readonly type: Type }>;
const TYPES: ReadonlySet<unknown> = new Set<ChangeType>(['set', 'patch', 'delete', 'ready']);

/** A key as the state has it. */
interface Kept<Value> {
  readonly value: Value;
  readonly version: number;
  readonly epoch: string;
  /** Number of the last whole state that has the key. */
  round: number;
}

const OPTIONS = describeOptions('LiveState', {
  maxKeys: whole({ min: 1, default: 10_000 }),
  logger: LOGGER,
});
const CHANGES_OPTIONS = describeOptions('changes', { signal: unchecked() });

/**
 * The state of a state group in a client or a page: keys with values, as its node has them. The application passes each message of the
 * group to `take`, and sends `begin()` with each join. The class works with any protocol and any connection.
 *
 * - **After a loss** the server sends what has changed. If it sends the whole state, the keys stay until it is complete. Then the keys
 *   that are not in it are gone. So the application does not see an empty state in between, and no change twice.
 * - **The status** is a state and not a promise, because the state can be `stale` again. Wait with the event `status`.
 * - **For a framework**, `revision` changes with each change and each status.
 *
 * Pass messages in the order of their connection, and the messages of the old connection before those of the new one, as a
 * `ReconnectingClient` does. If `take` throws, close the connection: a change may be missing, and the next join sends it again. The
 * messages that the old connection still delivers are ignored.
 *
 * @typeParam Value - type of the values
 *
 * @example
 * ```ts run
 * import { LiveState } from '@headrace/client';
 *
 * const live = new LiveState<number>('prices');
 * live.on('change', ({ type, key, value, previous }) => console.log(type, key, value, previous));
 * console.log(live.begin()); // the first connection: goes with the sign-in
 * // prints undefined
 * live.take({ type: 'begin', group: 'prices', epoch: 'e', recovered: false });
 * live.take({ type: 'set', group: 'prices', key: 'oil', value: 70, version: 3 });
 * // prints set oil 70 undefined
 * live.take({ type: 'ready', group: 'prices', version: 4 });
 * console.log(live.status, live.get('oil')); // prints ready 70
 * console.log(live.begin(), live.status); // the next connection
 * // prints { epoch: 'e', offset: 4 } stale
 * ```
 */
export class LiveState<Value = unknown>
  extends WatchedEmitter<LiveStateEvents<Value>>
  implements Iterable<[string, Value]>
{
  /** The name of the state group. */
  readonly group: string;
  private readonly maxKeys: number;
  private readonly logger: Logger;
  private readonly kept = new Map<string, Kept<Value>>();
  private readonly readers = new Set<LiveChanges<Value>>();
  private epoch: string | undefined = undefined;
  /** The highest version that was received since the whole state began. */
  private version = 0;
  /** Number of the whole state that came last. */
  private round = 0;
  /** Number of keys that are in this whole state. */
  private inRound = 0;
  /** Whether a message was refused since the last `begin`. The position must not pass it, because the next join sends it again. */
  private isCut = false;
  private present: LiveStatus = 'loading';
  private changeCount = 0;

  /**
   * @param group - name of the state group
   * @throws OptionError if the name or an option is not valid
   */
  constructor(group: string, options: LiveStateOptions = {}) {
    super();
    const { maxKeys, logger = stderrLogger() } = OPTIONS.resolve(options);
    const isName = typeof group === 'string' && group !== '';
    this.group = checkKind('group', group, isName, 'the name of a state group');
    this.maxKeys = maxKeys;
    this.logger = logger;
  }

  get status(): LiveStatus {
    return this.present;
  }

  /** Position up to which the state has all changes, or `undefined` before the first `begin` of the server. */
  get position(): GroupPosition | undefined {
    const { epoch, version: offset } = this;
    return epoch === undefined ? undefined : { epoch, offset };
  }

  /** Number that grows with each change and each new status. It can be the snapshot of a store in a page's framework. */
  get revision(): number {
    return this.changeCount;
  }

  /** Number of keys. */
  get size(): number {
    return this.kept.size;
  }

  /** Returns the value of a key, or `undefined`. The value is the same object until the key changes. Do not change it: patches apply to it. */
  get(key: string): Value | undefined {
    return this.kept.get(key)?.value;
  }

  has(key: string): boolean {
    return this.kept.has(key);
  }

  /** Returns the version of a key, or 0 if it does not exist. A write on the server can demand this version. */
  versionOf(key: string): number {
    return this.kept.get(key)?.version ?? 0;
  }

  /** Iterates over the keys and their values, in the order in which the keys were added. */
  *entries(): IterableIterator<[string, Value]> {
    for (const [key, { value }] of this.kept) yield [key, value];
  }

  /** Iterates like {@link entries}. */
  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.entries();
  }

  /**
   * Begins a connection. Returns the position to send with the join. Call `begin` in `ready` of a `ReconnectingClient`. A state that was
   * `ready` is `stale` now.
   */
  begin(): GroupPosition | undefined {
    this.disconnected();
    return this.position;
  }

  /** Makes a state that was `ready` `stale`. Call it when the connection is lost, so that users see it before the next connection. */
  disconnected(): void {
    if (this.present === 'ready') this.become('stale');
  }

  /**
   * Takes a message. Returns false if it is a message of another group. A version that is known changes nothing.
   *
   * @throws DecodeError `MESSAGE_INVALID` if the value is not a message of a state group, or comes before `begin`; it changes nothing
   * @throws OptionError if the group has more than twice as many keys as `maxKeys`; the message changes nothing
   */
  take(message: LiveStateMessage<Value>): boolean {
    if (typeof (message as { group?: unknown } | null)?.group !== 'string') {
      throw new DecodeError('MESSAGE_INVALID', 'a message of a state group has no group');
    }
    if (message.group !== this.group) return false;
    try {
      if (message.type === 'begin') this.begun(message.epoch, message.recovered);
      else if (!this.isCut) this.advance(message);
    } catch (thrown) {
      this.isCut = true;
      throw thrown;
    }
    return true;
  }

  /**
   * Returns the changes from now on, for one `for await` loop. While the loop is busy, only the newest change of each key waits, so a
   * slow loop does not fill the memory. A key that was added and deleted meanwhile is left out. The loop ends with `break`, or with
   * the signal.
   */
  changes(options: LiveChangesOptions = {}): AsyncIterableIterator<LiveChange<Value>> {
    const signal = CHANGES_OPTIONS.resolve(options).signal as AbortSignal | undefined;
    let stopListening: (() => void) | undefined;
    const reader = new LiveChanges<Value>(() => {
      this.readers.delete(reader);
      stopListening?.();
    });
    this.readers.add(reader);
    if (signal?.aborted === true) reader.end();
    else stopListening = signal && onAbort(signal, () => reader.end());
    return reader;
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    this.logger.log('error', `a listener of "${event}" of a LiveState failed`, error);
  }

  private begun(epoch: string, recovered: boolean): void {
    const isWhole = typeof epoch === 'string' && typeof recovered === 'boolean';
    this.check(isWhole, 'has no epoch, or does not say whether it is recovered');
    this.check(!recovered || epoch === this.epoch, 'continues another epoch');
    if (!recovered) {
      this.epoch = epoch;
      this.version = 0;
      this.round += 1;
      this.inRound = 0;
    }
    this.isCut = false;
    this.disconnected();
  }

  private advance(message: Message<Value, ChangeType>): void {
    const { type, version } = message;
    this.check(TYPES.has(type), 'has no known type');
    this.check(Number.isSafeInteger(version) && version >= 0, 'has no version');
    this.check(this.epoch !== undefined, 'comes before begin');
    if (type === 'ready') {
      this.complete(version);
      return;
    }
    this.check(typeof message.key === 'string', 'has no key');
    this.check(type !== 'set' || message.value !== undefined, 'has no value');
    this.check(type !== 'patch' || isObject(message.patch), 'has no patch');
    if (version <= this.version) return;
    if (type === 'set') this.setKey(message.key, message.value, version);
    else if (type === 'patch') this.setKey(message.key, this.patched(message), version);
    else this.deleteKey(message.key, version);
  }

  private patched({ key, patch, from }: Message<Value, 'patch'>): Value {
    const known = this.kept.get(key);
    const isThere = known !== undefined && known.version === from && known.epoch === this.epoch;
    this.check(isThere, 'changes a value that is not there');
    return merged(known!.value, patch) as Value;
  }

  private setKey(key: string, value: Value, version: number): void {
    const { kept, round } = this;
    const epoch = this.epoch!;
    const known = kept.get(key);
    if (known?.round !== round) {
      if (this.inRound >= 2 * this.maxKeys) throw this.full();
      this.inRound += 1;
    }
    this.version = version;
    if (known?.version === version && known.epoch === epoch) {
      known.round = round;
      return;
    }
    kept.set(key, { value, version, epoch, round });
    this.changed({ type: 'set', key, value, previous: known?.value });
  }

  private deleteKey(key: string, version: number): void {
    const known = this.kept.get(key);
    this.version = version;
    if (known === undefined) return;
    if (known.round === this.round) this.inRound -= 1;
    this.kept.delete(key);
    this.changed({ type: 'delete', key, value: undefined, previous: known.value });
  }

  private complete(version: number): void {
    if (this.present === 'ready' || version < this.version) return;
    this.version = version;
    const gone = [...this.kept].filter(([, { round }]) => round !== this.round);
    for (const [key] of gone) this.kept.delete(key);
    this.present = 'ready';
    for (const [key, { value: previous }] of gone) {
      this.changed({ type: 'reset', key, value: undefined, previous });
    }
    // A listener may have closed the connection.
    if (this.status === 'ready') this.become('ready');
  }

  private changed(change: LiveChange<Value>): void {
    this.changeCount += 1;
    for (const reader of this.readers) reader.add(change);
    this.emit('change', change);
  }

  private become(status: LiveStatus): void {
    this.present = status;
    this.changeCount += 1;
    this.emit('status', status);
  }

  /** A key too many. A connection with another state would not help, so this is an error of the option. */
  private full(): OptionError {
    const { group, maxKeys } = this;
    const text = `the state group ${group} has more than twice maxKeys (${maxKeys}) keys; give LiveState the maxKeys of the group`;
    return new OptionError('OPTION_INVALID', text, { option: 'maxKeys', group });
  }

  private check(isRight: boolean, what: string): void {
    if (isRight) return;
    const text = `a message of the state group ${this.group} ${what}`;
    throw new DecodeError('MESSAGE_INVALID', text, { group: this.group });
  }
}
