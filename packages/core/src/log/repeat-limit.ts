import type { Clock, Timer } from '../contract/clock.ts';

/** Maximum number of kinds that are counted separately. Strangers can create more kinds, which are counted together. */
const MAX_KINDS = 256;
const OTHERS = 'others';

interface Kind {
  readonly example: string;
  lines: number;
  suppressed: number;
}

/** The clock, the numbers and the callback of a {@link RepeatLimit}. */
export interface RepeatLimitOwner {
  /** Maximum number of lines of one kind in one period. Further lines are counted. @default 10 */
  readonly maxLines?: number;
  /** Length of a period, in milliseconds. @default 10000 */
  readonly periodMs?: number;
  readonly clock: Pick<Clock, 'schedule'>;
  /** Called at the end of a period with a line about the lines of one kind that did not pass, and with their number. */
  readonly report: (line: string, count: number) => void;
}

/**
 * Limits the number of log lines from one cause. Lines that differ only in numbers, ids and addresses are of one kind, unless the
 * owner names their kind. A few lines of a kind pass in a period. The number of further lines is reported at the end of the period, and the next period begins
 * without them, so that no stranger silences the log. Without the limit, a peer that connects and fails a thousand times per second
 * would fill the disk.
 *
 * A line that a peer causes has a limit of its own, beside that of lines about this program, so that peers use up only theirs.
 */
export class RepeatLimit {
  private readonly owner: RepeatLimitOwner;
  private readonly kinds = new Map<string, Kind>();
  private period: Timer | undefined = undefined;

  constructor(owner: RepeatLimitOwner) {
    this.owner = owner;
  }

  /** Returns true if the line can be written. */
  passes(text: string, key: string = keyOf(text)): boolean {
    const { maxLines = 10, clock } = this.owner;
    const kind = this.kindOf(text, key);
    kind.lines += 1;
    this.period ??= clock.schedule(() => this.endPeriod(), this.periodMs);
    if (kind.lines <= maxLines) return true;
    kind.suppressed += 1;
    return false;
  }

  private get periodMs(): number {
    return this.owner.periodMs ?? 10_000;
  }

  private kindOf(text: string, named: string): Kind {
    const key = this.kinds.has(named) || this.kinds.size < MAX_KINDS ? named : OTHERS;
    let kind = this.kinds.get(key);
    if (kind === undefined) {
      kind = { example: text, lines: 0, suppressed: 0 };
      this.kinds.set(key, kind);
    }
    return kind;
  }

  /** Ends the period without a report. */
  close(): void {
    this.period?.cancel();
    this.period = undefined;
    this.kinds.clear();
  }

  private endPeriod(): void {
    const ended = [...this.kinds.values()];
    this.close();
    for (const { suppressed, example } of ended) {
      if (suppressed === 0) continue;
      const lines = suppressed === 1 ? 'line' : 'lines';
      const text = `${suppressed} more ${lines} like this in ${this.periodMs / 1000} s: ${example}`;
      this.owner.report(text, suppressed);
    }
  }
}

const KEY_LENGTH = 200;

/**
 * Returns the kind of a line: its text without channel ids, quoted texts and numbers. The cost is linear in the length of the
 * text, because peers choose a part of the text.
 */
function keyOf(text: string): string {
  return text
    .slice(0, 4 * KEY_LENGTH)
    .replaceAll(/\[id: [^\][]*\]?/g, '[]')
    .replaceAll(/"(?:[^"\\]|\\.)*"?/g, '""')
    .replaceAll(/[0-9a-f]+/gi, (word) => (/\d/.test(word) ? '#' : word))
    .replaceAll(/#[.:#x]*#/g, '#')
    .slice(0, KEY_LENGTH);
}
