import { checkNumber, checkOptions, type KnownOptions } from '@headrace/core/authoring';

/** Options of every bus. */
export interface EngineBusOptions {
  /** What is kept of what is published while the bus is down; the oldest is dropped first, and counted. */
  readonly whenDown?: {
    /** Bytes of messages and subjects. @default 1048576 */
    readonly maxBytes?: number;
    /** Older ones are not sent any more. @default 5000 */
    readonly maxAgeMs?: number;
  };
  /** Every so often the bus sends a message to itself, in milliseconds. @default 1000 */
  readonly heartbeatMs?: number;
  /**
   * The bus is down when none of its heartbeats has come back for so long, in milliseconds; then the connection is
   * closed with everything in it, and made anew. Raise it where the machine or the server may be busy for longer: what
   * is only late still comes then. Other nodes call a node gone after 5 s without a heartbeat. @default 3000
   */
  readonly unheardMs?: number;
  /** How long the engine may take to connect, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
}

/** The options, checked. */
export interface BusPlan {
  readonly kept: { readonly maxBytes: number; readonly maxAgeMs: number };
  readonly heartbeatMs: number;
  readonly unheardMs: number;
  readonly connectTimeoutMs: number;
}

const OPTIONS: KnownOptions<EngineBusOptions> = {
  whenDown: true,
  heartbeatMs: true,
  unheardMs: true,
  connectTimeoutMs: true,
};
const KEPT = { maxBytes: 1024 * 1024, maxAgeMs: 5000 };
const DEFAULTS = { heartbeatMs: 1000, unheardMs: 3000, connectTimeoutMs: 5000 };

/** @throws OptionError */
export function busPlan({ whenDown = {}, ...options }: EngineBusOptions): BusPlan {
  checkOptions('whenDown', whenDown, { maxBytes: true, maxAgeMs: true });
  const kept = { ...KEPT, ...given(whenDown) };
  const times = { ...DEFAULTS, ...given(options) };
  const heartbeatMs = checkNumber('heartbeatMs', times.heartbeatMs, { min: 10 });
  return {
    kept: {
      maxBytes: checkNumber('whenDown.maxBytes', kept.maxBytes),
      maxAgeMs: checkNumber('whenDown.maxAgeMs', kept.maxAgeMs),
    },
    heartbeatMs,
    unheardMs: checkNumber('unheardMs', times.unheardMs, { min: heartbeatMs }),
    connectTimeoutMs: checkNumber('connectTimeoutMs', times.connectTimeoutMs, { min: 1 }),
  };
}

/**
 * The options of one kind of bus, told apart: those of every bus, and its own without what is undefined.
 *
 * @param own - the names of its own options
 * @throws OptionError for a name that is neither
 */
export function busOptions<T extends EngineBusOptions>(
  owner: string,
  options: T,
  own: KnownOptions<Omit<T, keyof EngineBusOptions>>,
): {
  readonly bus: EngineBusOptions;
  readonly own: Omit<T, keyof EngineBusOptions>;
  /** Of every bus, for clients that take one, too. */
  readonly connectTimeoutMs: number;
} {
  checkOptions<object>(owner, options, { ...OPTIONS, ...own });
  const { whenDown, heartbeatMs, unheardMs, connectTimeoutMs, ...rest } = given(options);
  return {
    bus: given({ whenDown, heartbeatMs, unheardMs, connectTimeoutMs }) as EngineBusOptions,
    own: rest as Omit<T, keyof EngineBusOptions>,
    connectTimeoutMs: connectTimeoutMs ?? DEFAULTS.connectTimeoutMs,
  };
}

/** An option that is `undefined` has its default. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}
