import { type Spread, short, spreadOf } from './statistics.ts';

/** The rounds of one peer in one kind of work. */
export interface Row {
  readonly peer: string;
  /** One value per round. */
  readonly values: readonly number[];
  readonly note?: string;
  /** Of the round trips, in milliseconds. */
  readonly p99?: readonly number[];
  /** Mark-compact collections in a round. */
  readonly collections?: readonly number[];
}

/** A goal: the ratio of Headrace to a peer, or Headrace's value itself. */
export interface Goal {
  readonly text: string;
  readonly to?: string;
  readonly atMost: number;
}

export interface Result {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

export const HEADRACE = 'headrace';

/** A goal and what came of it. */
export interface Verdict {
  readonly goal: Goal;
  readonly spread: Spread;
  readonly isMet: boolean;
}

/** Ratios are taken round by round: rounds of one number ran side by side, under the same disturbances. */
export function verdictsOf(result: Result): Verdict[] {
  const own = result.rows.find(({ peer }) => peer === HEADRACE);
  if (own === undefined) return [];
  return result.goals.flatMap((goal) => {
    const other = result.rows.find(({ peer }) => peer === goal.to);
    if (goal.to !== undefined && other === undefined) return [];
    const values = own.values.map((value, i) => value / (other?.values[i] ?? 1));
    const spread = spreadOf(values);
    return [{ goal, spread, isMet: spread.median <= goal.atMost }];
  });
}

export function print(result: Result): void {
  const own = result.rows.find(({ peer }) => peer === HEADRACE);
  const base = own === undefined ? Number.NaN : spreadOf(own.values).median;
  console.log(
    `\n${result.title}  (${result.unit}; median [least, most] of ${own?.values.length} rounds)`,
  );
  for (const { peer, values, note } of result.rows) {
    const { median, min, max } = spreadOf(values);
    const ratio = peer === HEADRACE ? '' : `headrace is ${short(base / median)} of it`;
    const spread = `[${short(min)}, ${short(max)}]`;
    console.log(
      `  ${peer.padEnd(16)} ${short(median).padStart(8)}  ${spread.padEnd(18)} ${ratio.padEnd(26)} ${note ?? ''}`.trimEnd(),
    );
  }
  for (const { goal, spread, isMet } of verdictsOf(result)) {
    const range = `[${short(spread.min)}, ${short(spread.max)}]`;
    console.log(
      `  ${isMet ? 'met   ' : 'MISSED'} ${goal.text}: at most ${goal.atMost}, is ${short(spread.median)} ${range}`,
    );
  }
}
