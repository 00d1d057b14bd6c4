import {
  checkNumber,
  describeOptions,
  number,
  type Resolved,
  unchecked,
} from '@headrace/core/authoring';
import { SeededRandom } from '@headrace/core/testing';

/** Random faults. Each number is the average number of faults per virtual minute, for all hosts together. */
export interface ChaosOptions {
  /** Power failures of a machine per minute. The machine starts again later. @default 0 */
  readonly crash?: number;
  /** Ends of a process per minute. The process starts again later. @default 0 */
  readonly stop?: number;
  /** Partitions between two hosts per minute, in one direction or both. @default 0 */
  readonly partition?: number;
  /** Slow periods between two hosts per minute, in which bytes take up to 3 s longer. @default 0 */
  readonly slow?: number;
  /** Freezes of a process per minute, as by SIGSTOP. @default 0 */
  readonly freeze?: number;
  /** Resets of all connections between two hosts per minute. @default 0 */
  readonly reset?: number;
  /** Hosts that faults can affect. A fault between two hosts affects at least one of them. @default all */
  readonly hosts?: readonly string[];
  /** Duration of a fault. @default 100 ms to 10 s */
  readonly forMs?: { readonly minMs: number; readonly maxMs: number };
  /** Virtual time at which faults can start, in milliseconds. @default 0 */
  readonly fromMs?: number;
  /** Virtual time at which the last fault has ended, in milliseconds. */
  readonly untilMs: number;
}

/** Number of faults per minute. */
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

/** A planned fault. */
export interface Fault {
  readonly kind: FaultKind;
  /** Start of the fault, in milliseconds of the simulation's time. */
  readonly atMs: number;
  /** Duration of the fault, in milliseconds, or 0 for a reset. */
  readonly forMs: number;
  readonly host: string;
  /** Other host of a fault between two hosts. */
  readonly other?: string;
  /** Whether only the direction from `host` to `other` is affected. */
  readonly isOneWay?: boolean;
  /** Maximum additional latency of a slow link, in milliseconds. */
  readonly byMs?: number;
}

/** The checked options, with their defaults. */
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

/** Draws random faults, and sorts them by time. */
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

/** Returns a fault as text: `at 5000 ms: partition client → server for 4000 ms`. */
export function faultText({ kind, atMs, forMs, host, other, isOneWay, byMs }: Fault): string {
  const where = other === undefined ? host : `${host} ${isOneWay === true ? '→' : '|'} ${other}`;
  const how = byMs === undefined ? '' : ` by ${byMs} ms`;
  const long = forMs === 0 ? '' : ` for ${forMs} ms`;
  return `at ${atMs} ms: ${kind} ${where}${how}${long}`;
}
