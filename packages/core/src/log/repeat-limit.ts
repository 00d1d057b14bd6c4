/** Lines of one kind that pass in one period; the others are counted. */
const MAX_LINES = 10;
/** How long a period is, in milliseconds. */
const PERIOD_MS = 10_000;
/** Kinds that are counted apart; a stranger may make up more, which are one kind together. */
const MAX_KINDS = 256;
const OTHERS = 'others';

interface Kind {
  readonly example: string;
  lines: number;
  suppressed: number;
}

/** The owner of a {@link RepeatLimit}. */
export interface RepeatLimitOwner {
  /** Runs a task later without keeping the process alive. */
  readonly later: (task: () => void, delayMs: number) => void;
  /** How many lines of one kind were left out since the last report. */
  readonly report: (count: number, example: string, periodMs: number) => void;
}

/**
 * Bounds what one cause can write to a log: of lines that differ only in numbers, ids and addresses ten pass in
 * ten seconds, the others are counted, and their number is reported at the end of the period. A peer that
 * connects and fails a thousand times a second would fill a disk otherwise.
 */
export class RepeatLimit {
  private readonly owner: RepeatLimitOwner;
  private readonly kinds = new Map<string, Kind>();
  private isPeriodRunning = false;

  constructor(owner: RepeatLimitOwner) {
    this.owner = owner;
  }

  /** True if the line may be written. */
  passes(text: string): boolean {
    const kind = this.kindOf(text);
    kind.lines += 1;
    if (!this.isPeriodRunning) {
      this.isPeriodRunning = true;
      this.owner.later(() => this.endPeriod(), PERIOD_MS);
    }
    if (kind.lines <= MAX_LINES) return true;
    kind.suppressed += 1;
    return false;
  }

  private kindOf(text: string): Kind {
    let key = keyOf(text);
    if (!this.kinds.has(key) && this.kinds.size >= MAX_KINDS) key = OTHERS;
    let kind = this.kinds.get(key);
    if (kind === undefined) {
      kind = { example: text, lines: 0, suppressed: 0 };
      this.kinds.set(key, kind);
    }
    return kind;
  }

  private endPeriod(): void {
    this.isPeriodRunning = false;
    const ended = [...this.kinds.values()];
    this.kinds.clear();
    for (const { suppressed, example } of ended) {
      if (suppressed > 0) this.owner.report(suppressed, example, PERIOD_MS);
    }
  }
}

const KEY_LENGTH = 200;

/**
 * Lines of one kind: without the channel they are about, what is quoted in them, and their numbers. Linear in the
 * text: peers choose a part of it.
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
