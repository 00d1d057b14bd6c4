import {
  checkNumber,
  describeOptions,
  number,
  type Resolved,
  unchecked,
} from '@headrace/core/authoring';
import { SeededRandom } from '@headrace/core/testing';

/** Faults by chance: each number is how many there are in a virtual minute, on average. */
export interface ChaosOptions {
  /** Times a minute that a machine loses its power, and starts again later. @default 0 */
  readonly crash?: number;
  /** Times a minute that a process ends, and starts again later. @default 0 */
  readonly stop?: number;
  /** Times a minute that nothing comes through between two hosts, in one direction or both. @default 0 */
  readonly partition?: number;
  /** Times a minute that bytes between two hosts take up to 3 s longer. @default 0 */
  readonly slow?: number;
  /** Times a minute that a process stands still, as by SIGSTOP. @default 0 */
  readonly freeze?: number;
  /** Times a minute that all connections between two hosts are reset. @default 0 */
  readonly reset?: number;
  /** The hosts that it may hit; of two hosts one must be among them. @default all */
  readonly hosts?: readonly string[];
  /** How long a fault lasts. @default 100 ms to 10 s */
  readonly forMs?: { readonly minMs: number; readonly maxMs: number };
  /** When the faults begin. @default 0 */
  readonly fromMs?: number;
  /** When the last one is over. */
  readonly untilMs: number;
}

/** How many there are in a minute. */
const RATE = number({ max: 10_000, default: 0 });
const OPTIONS = describeOptions('chaos', {
  crash: RATE,
  stop: RATE,
  partition: RATE,
  slow: RATE,
  freeze: RATE,
  reset: RATE,
  hosts: unchecked(),
  forMs: unchecked({ default: { minMs: 100, maxMs: 10_000 } }),
  fromMs: number({ default: 0 }),
  untilMs: unchecked({ required: true }),
});
/** The kind of a fault. */
export type FaultKind = 'crash' | 'stop' | 'partition' | 'slow' | 'freeze' | 'reset';
const KINDS: readonly FaultKind[] = ['crash', 'stop', 'partition', 'slow', 'freeze', 'reset'];
const SLOWEST_MS = 3000;
const MINUTE_MS = 60_000;

/** A fault that is planned. */
export interface Fault {
  readonly kind: FaultKind;
  /** When it begins, in the time of the simulation. */
  readonly atMs: number;
  /** How long it lasts; 0 for a reset. */
  readonly forMs: number;
  /** The host that it hits. */
  readonly host: string;
  /** The other host of a fault between two. */
  readonly other?: string;
  /** Only from `host` to `other`. */
  readonly isOneWay?: boolean;
  /** How much slower. */
  readonly byMs?: number;
}

/** Checked options, with their defaults. */
type Chaos = Resolved<ChaosOptions, typeof OPTIONS.kinds>;

/** Throws an `OptionError` for rates and times that are not valid. */
export function resolveChaos(given: ChaosOptions): Chaos {
  const options = OPTIONS.resolve(given);
  const { forMs, fromMs, untilMs, hosts } = options;
  checkNumber('hosts.length', hosts?.length ?? 1, { min: 1 });
  checkNumber('untilMs', untilMs, { min: fromMs, max: Number.MAX_SAFE_INTEGER });
  checkNumber('forMs.minMs', forMs.minMs);
  checkNumber('forMs.maxMs', forMs.maxMs, { min: forMs.minMs });
  return options;
}

/** Draws the faults, in order of time. */
export function planFaults(
  seed: number,
  number: number,
  options: Chaos,
  all: readonly string[],
): Fault[] {
  const faults: Fault[] = [];
  const { hosts = all, fromMs, untilMs } = options;
  for (const kind of KINDS) {
    const random = new SeededRandom(seed, `chaos ${number} ${kind}`);
    const mean = (options[kind] * (untilMs - fromMs)) / MINUTE_MS;
    const count = Math.floor(random.next() * 2 * mean + random.next());
    for (let i = 0; i < count; i++) faults.push(drawFault(kind, random, options, hosts, all));
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function drawFault(
  kind: Fault['kind'],
  random: SeededRandom,
  options: Chaos,
  hosts: readonly string[],
  all: readonly string[],
): Fault {
  const { forMs, fromMs, untilMs } = options;
  const atMs = Math.round(random.between(fromMs, untilMs));
  const lasts = Math.round(Math.min(random.between(forMs.minMs, forMs.maxMs), untilMs - atMs));
  const host = random.pick(hosts);
  const others = all.filter((one) => one !== host);
  const other = others.length === 0 ? host : random.pick(others);
  const isOneWay = random.next() < 1 / 3;
  const byMs = Math.round(random.between(0, SLOWEST_MS));
  switch (kind) {
    case 'partition':
      return { kind, atMs, forMs: lasts, host, other, isOneWay };
    case 'slow':
      return { kind, atMs, forMs: lasts, host, other, byMs };
    case 'reset':
      return { kind, atMs, forMs: 0, host, other };
    default:
      return { kind, atMs, forMs: lasts, host };
  }
}

/** `at 5000 ms: partition client → server for 4000 ms`. */
export function faultText({ kind, atMs, forMs, host, other, isOneWay, byMs }: Fault): string {
  const where = other === undefined ? host : `${host} ${isOneWay === true ? '→' : '|'} ${other}`;
  const how = byMs === undefined ? '' : ` by ${byMs} ms`;
  const long = forMs === 0 ? '' : ` for ${forMs} ms`;
  return `at ${atMs} ms: ${kind} ${where}${how}${long}`;
}
