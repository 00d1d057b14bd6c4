import { toError } from '@headrace/core/authoring';
import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { LogLimits } from '../../log/log.ts';
import { DUPLICATE_WINDOW_MS } from '../../log/memory-stream.ts';

const NANOSECONDS = 1e6;
const NOT_FOUND = 10059;
const NAME_IN_USE = 10058;
/** Maximum number of attempts to set the limits, in case two nodes raise the limits at the same time. */
const MAX_TRIES = 5;

/** The JetStream stream of a {@link NatsStore}. */
export interface NatsStoreOptions {
  /** The name of the JetStream stream. */
  readonly name: string;
  /** `hr.<app>` */
  readonly prefix: string;
  readonly replicas: number;
}

/** The JetStream stream of an app, as known over one link. */
export class NatsStore {
  readonly name: string;
  private readonly manager: JetStreamManager;
  private readonly options: NatsStoreOptions;
  private known: StreamInfo | undefined = undefined;
  private isDoubtful = false;
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

  /** The creation time of the stream that was opened first. Another stream has other numbers. */
  get epoch(): string | undefined {
    return this.firstEpoch;
  }

  /** Notes a refused request. The stream can be gone, or another stream can have its name. */
  doubt(): void {
    this.isDoubtful = true;
  }

  /** Asks the server. Resolves with false if the stream is gone, or another stream has its name. */
  async isSame(): Promise<boolean> {
    const now = await this.look();
    return now !== undefined && epochOf(now) === this.epoch;
  }

  /** Opens the stream. Resolves with false if another stream has the name of the stream that was opened first. */
  open(limits: LogLimits): Promise<boolean> {
    const opening = this.turn.then(() => this.reach(limits));
    this.turn = opening.catch(() => {});
    return opening;
  }

  private async reach(limits: LogLimits): Promise<boolean> {
    const wanted = this.configFor(limits);
    if (this.isDoubtful) {
      this.known = await this.look();
      this.isDoubtful = false;
    }
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.known ??= await this.look();
      if (this.known === undefined) {
        this.known = await this.make(wanted);
        continue;
      }
      const raised = raise(this.known.config, wanted);
      if (raised === undefined) {
        const epoch = epochOf(this.known);
        this.firstEpoch ??= epoch;
        this.announceOpened();
        return epoch === this.firstEpoch;
      }
      await this.manager.streams.update(this.name, raised);
      this.known = undefined;
    }
    throw new Error(`the limits of the JetStream stream ${this.name} do not stay as they are set`);
  }

  private look(): Promise<StreamInfo | undefined> {
    return this.manager.streams.info(this.name).catch((thrown: unknown) => {
      if (codeOf(thrown) === NOT_FOUND) return undefined;
      throw toError(thrown);
    });
  }

  private make(config: Partial<StreamConfig> & { name: string }): Promise<StreamInfo | undefined> {
    return this.manager.streams.add(config).catch((thrown: unknown) => {
      // Another node made the stream a moment ago.
      if (codeOf(thrown) === NAME_IN_USE) return undefined;
      throw toError(thrown);
    });
  }

  private configFor({ messages, ageMs }: LogLimits): Partial<StreamConfig> & { name: string } {
    const { name, prefix, replicas } = this.options;
    const age = Number.isFinite(ageMs) ? Math.max(100, Math.ceil(ageMs)) * NANOSECONDS : 0;
    const window = DUPLICATE_WINDOW_MS * NANOSECONDS;
    return {
      name,
      subjects: [`${prefix}.d.>`],
      storage: 'file' as StreamConfig['storage'],
      num_replicas: replicas,
      max_msgs_per_subject: Number.isFinite(messages) ? messages : -1,
      max_age: age,
      duplicate_window: age === 0 ? window : Math.min(window, age),
      republish: { src: `${prefix}.d.>`, dest: `${prefix}.l.>` },
    };
  }
}

/** Returns the change that meets the limits of all groups, or undefined if they are met. */
function raise(
  now: StreamConfig,
  wanted: Partial<StreamConfig>,
): Partial<StreamConfig> | undefined {
  const messages = larger(now.max_msgs_per_subject, wanted.max_msgs_per_subject!);
  const age = larger(now.max_age, wanted.max_age!);
  const window = Math.max(now.duplicate_window, wanted.duplicate_window!);
  if (
    messages === now.max_msgs_per_subject &&
    age === now.max_age &&
    window === now.duplicate_window
  ) {
    return undefined;
  }
  return { ...now, max_msgs_per_subject: messages, max_age: age, duplicate_window: window };
}

/** Returns the larger limit. The values 0 and -1 mean no limit. */
function larger(one: number, other: number): number {
  if (one <= 0) return one;
  return other <= 0 ? other : Math.max(one, other);
}

/** Returns the creation time of the stream as an epoch. The colons are removed, because an epoch contains none. */
export function epochOf({ created }: Pick<StreamInfo, 'created'>): string {
  return created.replaceAll(':', '');
}

function codeOf(thrown: unknown): number | undefined {
  return (thrown as { code?: number }).code;
}
