import { type StateCounts } from '../contract/state-rules.ts';

/** Changes that a writer stored one after the other. */
export interface WriterRun {
  readonly writer: string;
  readonly first: number;
  readonly last: number;
}

/** What a state has after a change. Each change carries it, so the newest message of a stream says what the stream has. */
export interface StateLedger extends StateCounts {
  /** Number of removals that are remembered: those after the floor. */
  readonly removals: number;
  /** Offset of the newest removal that is forgotten. */
  readonly floor: number;
  /** The stream has no removals up to this offset. */
  readonly scanned: number;
  /** The last run of each of the newest writers, the newest at the end. */
  readonly runs: readonly WriterRun[];
}

/** The header of a change. */
export interface StateHeader {
  readonly isRemoval: boolean;
  /** The mark of the epoch. In another epoch, the ledger counts changes that were lost. */
  readonly mark: string;
  readonly ledger: StateLedger;
}

export const STATE_HEADER = 'Hr-State';
export const EMPTY: StateLedger = {
  keys: 0,
  bytes: 0,
  removals: 0,
  floor: 0,
  scanned: 0,
  runs: [],
};

/** Number of writers whose last run is known. With headers of this size, a value of 1 MiB less 1 KiB fits into 1 MiB. */
const MAX_RUNS = 12;
const HEADER = /^([sr]) (\S*) (\d+) (\d+) (\d+) (\d+) (\d+) (\S*)$/;

export function encodeHeader({ isRemoval, mark, ledger }: StateHeader): string {
  const { keys, bytes, removals, floor, scanned } = ledger;
  const runs = ledger.runs.map(
    ({ writer, first, last }) => `${writer}:${first.toString(36)}:${(last - first).toString(36)}`,
  );
  const counts = [keys, bytes, removals, floor, scanned].join(' ');
  return `${isRemoval ? 'r' : 's'} ${mark} ${counts} ${runs.join(',')}`;
}

export function decodeHeader(text: string | undefined): StateHeader | undefined {
  const [, kind, mark, ...rest] = HEADER.exec(text ?? '') ?? [];
  if (kind === undefined || mark === undefined) return undefined;
  const [keys, bytes, removals, floor, scanned] = rest.map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const runs = rest[5]!.split(',').flatMap((run) => {
    const [writer, from, more] = run.split(':');
    if (writer === undefined || from === undefined || more === undefined) return [];
    const first = Number.parseInt(from, 36);
    return [{ writer, first, last: first + Number.parseInt(more, 36) }];
  });
  return { isRemoval: kind === 'r', mark, ledger: { keys, bytes, removals, floor, scanned, runs } };
}

/** Adds a change to the runs. */
export function ranOn(
  runs: readonly WriterRun[],
  writer: string,
  sequence: number,
): readonly WriterRun[] {
  const newest = runs.at(-1);
  if (newest?.writer === writer && newest.last === sequence - 1) {
    return [...runs.slice(0, -1), { ...newest, last: sequence }];
  }
  const others = runs.filter((run) => run.writer !== writer);
  return [...others, { writer, first: sequence, last: sequence }].slice(-MAX_RUNS);
}

/** Returns true if a writer has stored the change at a sequence. */
export function wroteAt({ runs }: StateLedger, writer: string, sequence: number): boolean {
  return runs.some((run) => run.writer === writer && run.first <= sequence && sequence <= run.last);
}
