import { randomBytes } from 'node:crypto';
import type { Clock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { LogLimits, LogPage } from '../contract/log.ts';
import { DUPLICATE_WINDOW_MS } from '../memory/memory-stream.ts';
import type { SeenMessage, StreamMemory } from './stream-memory.ts';

const NANOSECONDS = 1e6;
const NOT_FOUND = 10059;
const NAME_IN_USE = 10058;
const NO_LIMIT = -1;
const NEEDS_MAX_BYTES = 10113;
/** Maximum number of attempts to set the limits, in case two nodes raise the limits at the same time. */
const MAX_TRIES = 5;
/**
 * A server of a NATS cluster that becomes the leader of a stream needs a moment until it knows all acknowledged messages. A
 * replicated stream has lost messages if it does not have them at this many looks, at this interval.
 */
const LOOKS = 6;
const POLL_INTERVAL_MS = 1000;
/** Interval at which the server is asked for a live copy. */
const CONFIRM_EACH_MS = 1000;

/** Number of looks at a stream that another node makes at this moment, and time between them. */
const MAX_MAKING_LOOKS = 50;
const MAKING_MS = 20;

/** The JetStream stream of a {@link NatsStore}. */
export interface NatsStoreOptions {
  /** The name of the JetStream stream. */
  readonly name: string;
  /** The subjects of the messages, `hr.<app>.d.>`, and of their live copies, `hr.<app>.l.>`, if there are copies. */
  readonly subjects: string;
  readonly copies: string | undefined;
  /** The kind of groups in the stream, for texts. */
  readonly groups: string;
  /** Whether the stream refuses new messages before it drops old ones, and each epoch begins without the messages before it. @default false */
  readonly keepsNewest?: boolean;
  /** Whether a message can replace the earlier ones of its subject. @default false */
  readonly rollsUp?: boolean;
  /** Wanted number of replicas, if the application has set it. */
  readonly replicas: number | undefined;
  /** Maximum size of the stream in bytes, if the application has set it. */
  readonly maxBytes?: number | undefined;
  /** The messages of this stream that earlier links have seen. */
  readonly memory: StreamMemory;
  /** Writes a line to the log of this process. */
  readonly warn: (text: string) => void;
  /** Announces to all nodes that the epoch has changed. */
  readonly announce: () => void;
  readonly randomText: () => string;
  readonly clock: Clock;
}

/**
 * The version of the server that answers for a stream, which is its leader. Servers since 2.11 say it. The server of the connection can
 * have another version.
 */
const LEADER_VERSION = '_nats.ver';

/** The mark in the description of a stream that has lost messages. Servers before 2.10 have no metadata of streams. */
const MARK = / ?headrace-epoch=(\d+)\.([A-Za-z0-9_-]+)/;

/** A JetStream stream of durable groups or of a state group, as known over one link. */
export class NatsStore {
  readonly name: string;
  private readonly manager: JetStreamManager;
  private readonly options: NatsStoreOptions;
  private known: StreamInfo | undefined = undefined;
  /** Whether several servers store the stream. */
  isReplicated = false;
  /** Whether the server {@link checksKeys} of the stream, as it was opened. */
  checksKeys = true;
  private isDoubtful = false;
  private hasComparedReplicas = false;
  /** The newest live copy, while the server is asked for it now or soon. */
  private copy: SeenMessage | undefined = undefined;
  private firstEpoch: string | undefined = undefined;
  private announceOpened: () => void = () => {};
  /** Resolves when the stream was opened for the first time. */
  readonly opened: Promise<void>;
  /**
   * Resolves when the last call of `open` has ended. The calls run one after the other, so that thousands of groups make one
   * request.
   */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(manager: JetStreamManager, options: NatsStoreOptions) {
    this.name = options.name;
    this.manager = manager;
    this.options = options;
    this.opened = new Promise((resolve) => {
      this.announceOpened = resolve;
    });
  }

  /** The epoch of the stream that was opened first. Another stream has other numbers. */
  get epoch(): string | undefined {
    return this.firstEpoch;
  }

  /** The highest sequence that was seen, or 0. */
  get newest(): number {
    return this.options.memory.newestOf(this.firstEpoch);
  }

  /** Notes a refused request. The stream can be gone, or another stream can have its name. */
  doubt(): void {
    this.isDoubtful = true;
  }

  /** Remembers a message that the server has stored or read. */
  saw(sequence: number, id: string): void {
    if (this.firstEpoch !== undefined) this.options.memory.saw(this.firstEpoch, sequence, id);
  }

  /** Remembers a live copy, once the server has confirmed it, because others can forge copies. */
  sawCopy(sequence: number, id: string): void {
    const isConfirming = this.copy !== undefined;
    this.copy = { sequence, id };
    if (isConfirming) return;
    this.options.clock.schedule(() => void this.confirmCopy(), CONFIRM_EACH_MS);
  }

  private async confirmCopy(): Promise<void> {
    const { sequence, id } = this.copy!;
    try {
      const found = await this.manager.streams.getMessage(this.name, { seq: sequence });
      if (found?.header.get('Nats-Msg-Id') === id) this.saw(sequence, id);
    } catch {
      // The next copy is confirmed later.
    }
    this.copy = undefined;
  }

  /**
   * Asks the server. Resolves with false if the stream is gone, has lost its newest messages, or another stream has its name.
   */
  async isSame(): Promise<boolean> {
    const now = await this.look();
    if (now === undefined || epochOf(now) !== this.epoch) return false;
    return (await this.lastKept(now)) === undefined;
  }

  /** Opens the stream. Resolves with false if another stream has the name of the stream that was opened first. */
  open(limits: LogLimits): Promise<boolean> {
    const opening = this.turn.then(() => this.reach(limits));
    this.turn = opening.catch(() => {
      this.known = undefined;
    });
    return opening;
  }

  private async reach(limits: LogLimits): Promise<boolean> {
    const wanted = this.configFor(limits);
    if (this.isDoubtful) this.known = undefined;
    this.isDoubtful = false;
    // An earlier look shows that nothing is to be changed. A change needs a new one, because other nodes change the stream too.
    let isOld = this.known !== undefined;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.known ??= await this.look();
      if (this.known === undefined) {
        this.known = await this.make(wanted);
        continue;
      }
      const raised = raise(this.known.config, wanted);
      const kept = raised === undefined ? await this.lastKept(this.known) : undefined;
      if (isOld && (raised !== undefined || kept !== undefined)) {
        this.known = undefined;
        isOld = false;
        continue;
      }
      checkStream(this.known.config, wanted, this.options.groups);
      if (raised === undefined) {
        if (kept !== undefined) {
          await this.mark(this.known, kept);
          this.known = undefined;
          continue;
        }
        if (await this.addReplicas(this.known.config)) {
          this.known = undefined;
          continue;
        }
        const epoch = epochOf(this.known);
        this.isReplicated = this.known.config.num_replicas > 1;
        this.checksKeys = checksKeys(this.known);
        this.firstEpoch ??= epoch;
        this.announceOpened();
        return epoch === this.firstEpoch;
      }
      await this.update(raised);
      this.known = undefined;
    }
    throw new Error(`the limits of the JetStream stream ${this.name} do not stay as they are set`);
  }

  /**
   * Raises the number of replicas to the wanted number, like the limits. Resolves with false if the number stays. A server that
   * cannot have so many replicas does not stop the groups.
   */
  private async addReplicas(now: StreamConfig): Promise<boolean> {
    const { replicas } = this.options;
    const { num_replicas: present } = now;
    if (replicas === undefined || replicas === present || this.hasComparedReplicas) return false;
    this.hasComparedReplicas = true;
    const text = `the JetStream stream ${this.name} has ${present} replicas, and this node wants ${replicas}`;
    if (replicas < present) {
      this.warnOnce(`${text}: replicas are never lowered`);
      return false;
    }
    try {
      await this.update({ ...now, num_replicas: replicas });
    } catch (thrown) {
      this.warnOnce(`${text}: ${toError(thrown).message}`);
      return false;
    }
    this.warnOnce(`${text}: they were added`);
    return true;
  }

  /** Writes a line to the log of this process, unless it was written over this or an earlier link. */
  warnOnce(text: string): void {
    const { memory, warn } = this.options;
    if (memory.lines.has(text)) return;
    memory.lines.add(text);
    warn(text);
  }

  /** Resolves with the last message that a stream still has, if it has lost messages that this process has seen. */
  private async lastKept(first: StreamInfo): Promise<number | undefined> {
    const { memory, clock } = this.options;
    let now = first;
    let kept = await this.lastKeptAt(now);
    for (let looks = 1; kept !== undefined && looks < LOOKS; looks += 1) {
      const isComplete =
        now.config.num_replicas < 2 || now.state.last_seq >= memory.newestOf(epochOf(now));
      if (isComplete) break;
      await new Promise<void>((resolve) => void clock.schedule(resolve, POLL_INTERVAL_MS));
      const again = await this.look();
      if (again === undefined) break;
      now = again;
      kept = await this.lastKeptAt(now);
    }
    return kept;
  }

  private async lastKeptAt(now: StreamInfo): Promise<number | undefined> {
    const { streams } = this.manager;
    const { memory } = this.options;
    return memory.lastKept(epochOf(now), async ({ sequence, id }) => {
      const found = await streams.getMessage(this.name, { seq: sequence });
      if (found === null) {
        // Messages may have been stored and seen since the first look.
        const again = await this.look();
        return again !== undefined && sequence > again.state.last_seq ? 'other' : 'unknown';
      }
      return found.header.get('Nats-Msg-Id') === id ? 'same' : 'other';
    });
  }

  /** Gives the stream another epoch, because numbers of lost messages are used again. */
  private async mark({ config, created, state }: StreamInfo, kept: number): Promise<void> {
    const { memory, warn, announce, randomText, groups, keepsNewest } = this.options;
    const isState = keepsNewest === true;
    const since = isState ? state.last_seq : Math.min(kept, markOf(config)?.since ?? kept);
    const rest = config.description?.replace(MARK, '') ?? '';
    const description = `${rest} headrace-epoch=${since}.${randomText()}`.trim();
    await this.update({ ...config, description });
    memory.restart(undefined);
    warn(
      `the JetStream stream ${this.name} of ${created} has lost messages after number ${kept}: its ${groups} have another epoch`,
    );
    announce();
  }

  private async look(): Promise<StreamInfo | undefined> {
    for (let looks = 1; ; looks += 1) {
      const info = await this.manager.streams.info(this.name).catch((thrown: unknown) => {
        if (codeOf(thrown) === NOT_FOUND) return undefined;
        throw toError(thrown);
      });
      if (info === undefined || isMade(info) || looks === MAX_MAKING_LOOKS) return info;
      const { clock } = this.options;
      await new Promise<void>((resolve) => void clock.schedule(resolve, MAKING_MS));
    }
  }

  private update({ metadata, ...config }: Partial<StreamConfig>): Promise<StreamInfo> {
    // A server before 2.11 would keep what a newer one has said of itself.
    const { [LEADER_VERSION]: _, ...rest } = metadata ?? {};
    return this.manager.streams.update(this.name, {
      ...config,
      ...(metadata !== undefined && { metadata: rest }),
    });
  }

  private async make(
    config: Partial<StreamConfig> & { name: string },
  ): Promise<StreamInfo | undefined> {
    try {
      const info = await this.manager.streams.add(config);
      return isMade(info) ? info : undefined;
    } catch (thrown) {
      // Another node made the stream a moment ago.
      if (codeOf(thrown) === NAME_IN_USE) return undefined;
      const { message } = toError(thrown);
      if (codeOf(thrown) !== NEEDS_MAX_BYTES) throw toError(thrown);
      throw new Error(`${message}: set maxBytes of natsBus`, { cause: thrown });
    }
  }

  private configFor({ messages, ageMs }: LogLimits): Partial<StreamConfig> & { name: string } {
    const { name, subjects, copies, replicas, maxBytes, keepsNewest, rollsUp } = this.options;
    const age = Number.isFinite(ageMs) ? Math.max(100, Math.ceil(ageMs)) * NANOSECONDS : 0;
    const window = DUPLICATE_WINDOW_MS * NANOSECONDS;
    return {
      name,
      subjects: [subjects],
      storage: 'file' as StreamConfig['storage'],
      retention: 'limits' as StreamConfig['retention'],
      num_replicas: replicas ?? 1,
      max_bytes: maxBytes ?? NO_LIMIT,
      // A state must not lose its oldest keys, and no key its records to others.
      ...((keepsNewest === true || rollsUp === true) && {
        discard: 'new' as StreamConfig['discard'],
      }),
      max_msgs_per_subject: Number.isFinite(messages) ? messages : -1,
      max_age: age,
      duplicate_window: age === 0 ? window : Math.min(window, age),
      ...(copies !== undefined && { republish: { src: subjects, dest: copies } }),
      ...(rollsUp === true && { allow_rollup_hdrs: true }),
    };
  }
}

/** @throws Error for a stream that another program has made, and that is of no use for the groups */
function checkStream(
  now: StreamConfig,
  { subjects, republish }: Partial<StreamConfig>,
  groups: string,
): void {
  const its = `the JetStream stream ${now.name}`;
  // A mirror has no subjects.
  if (now.subjects?.includes(subjects![0]!) !== true) {
    throw new Error(`${its} is not of ${groups}: it stores ${now.subjects}, not ${subjects}`);
  }
  if (now.retention !== 'limits') {
    throw new Error(`${its} has the retention ${now.retention}: it must be limits`);
  }
  if (
    now.republish !== undefined &&
    republish !== undefined &&
    now.republish.dest !== republish.dest
  ) {
    throw new Error(`${its} is republished to ${now.republish.dest}: it must be ${republish.dest}`);
  }
}

/**
 * Returns the change that meets the limits of all groups, or undefined if they are met. Without `republish`, no member would get a
 * message, with `no_ack`, no write would end, and without rollups, no record would replace others.
 */
function raise(
  now: StreamConfig,
  wanted: Partial<StreamConfig>,
): Partial<StreamConfig> | undefined {
  const messages = larger(now.max_msgs_per_subject, wanted.max_msgs_per_subject!);
  const age = larger(now.max_age, wanted.max_age!);
  const window = Math.max(now.duplicate_window, wanted.duplicate_window!);
  const isSized = wanted.max_bytes !== NO_LIMIT;
  const bytes = isSized ? larger(now.max_bytes, wanted.max_bytes!) : now.max_bytes;
  const discard = wanted.discard ?? now.discard;
  if (
    discard === now.discard &&
    bytes === now.max_bytes &&
    messages === now.max_msgs_per_subject &&
    age === now.max_age &&
    window === now.duplicate_window &&
    (now.republish !== undefined || wanted.republish === undefined) &&
    (now.allow_rollup_hdrs || wanted.allow_rollup_hdrs !== true) &&
    now.no_ack !== true
  ) {
    return undefined;
  }
  return {
    ...now,
    max_msgs_per_subject: messages,
    max_age: age,
    max_bytes: bytes,
    discard,
    duplicate_window: window,
    ...((now.republish ?? wanted.republish) && { republish: now.republish ?? wanted.republish! }),
    allow_rollup_hdrs: now.allow_rollup_hdrs || wanted.allow_rollup_hdrs === true,
    no_ack: false,
  };
}

/** Returns the larger limit. The values 0 and -1 mean no limit. */
function larger(one: number, other: number): number {
  if (one <= 0) return one;
  return other <= 0 ? other : Math.max(one, other);
}

/** Returns false for a stream that a server makes at this moment: it has no time of creation yet. */
function isMade({ created }: StreamInfo): boolean {
  return !created.startsWith('0001-');
}

type Identity = Pick<StreamInfo, 'created' | 'config'>;

/**
 * Returns the epoch of a stream: its creation time, and a mark if it has lost messages since. The colons are removed, because an
 * epoch contains none.
 */
export function epochOf({ created, config }: Identity): string {
  const mark = markOf(config);
  const base = baseOf(created);
  return mark === undefined ? base : `${base}${mark.name}`;
}

/** Returns the part of the stream that its earlier epochs have in common with the present one. */
export function commonOf({ created, config }: Identity): LogPage['common'] {
  const mark = markOf(config);
  return mark && { base: baseOf(created), offset: mark.since };
}

function baseOf(created: string): string {
  return created.replaceAll(':', '');
}

/** Reads the mark of a stream that has lost messages. Messages up to `since` were not lost. */
function markOf({ description = '' }: StreamConfig): { since: number; name: string } | undefined {
  const [, since, name] = MARK.exec(description) ?? [];
  return name === undefined ? undefined : { since: Number(since), name: `-${name}` };
}

/**
 * Returns true if the check of the newest message of a key is serializable: of two writers that expect the same message, the server
 * stores one. Before 2.11, the leader of a replicated stream does not look at the messages that are being replicated, and can store
 * both (nats-server issue 4320).
 */
export function checksKeys({ config }: Pick<StreamInfo, 'config'>): boolean {
  const { num_replicas: replicas, metadata } = config;
  return replicas < 2 || isSince(metadata?.[LEADER_VERSION], [2, 11]);
}

function isSince(version: string | undefined, [major, minor]: readonly [number, number]): boolean {
  const [is = 0, isMinor = 0] = (version ?? '').split('.').map(Number);
  return is > major || (is === major && isMinor >= minor);
}

/** Returns a name that no other epoch has. */
export function randomText(): string {
  return randomBytes(9).toString('base64url');
}

function codeOf(thrown: unknown): number | undefined {
  return (thrown as { code?: number }).code;
}
