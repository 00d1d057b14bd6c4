import type { Logger, LogLevel } from '../contract.ts';
import { isHeadraceError } from '../errors.ts';
import { checkChoice } from '../option/option-check.ts';
import { printable } from '../text/printable.ts';
import { isOwnFault } from './own-fault.ts';
import { RepeatLimit } from './repeat-limit.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Output that may wait for a reader of standard error that is stuck; more lines are lost, and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** A longer text is cut: some of it may be a peer's. */
const MAX_TEXT_LENGTH = 8192;

/**
 * The default logger: one line per message at or above `level` to standard error.
 *
 * - Text of a peer is escaped ({@link printable}), so that a peer cannot forge a line.
 * - An error of the program's own code comes with its stack; a fault of a peer is one line.
 * - Of lines that repeat, ten pass in ten seconds; the others are counted and their number is written. Errors of
 *   the program are counted apart: strangers who make up lines of ever new kinds do not hide them.
 * - A line has at most 8192 characters and a stack.
 * - A standard error that is closed, full or stuck loses lines and never ends the process.
 *
 * `HEADRACE_DEBUG=LineFrameDecoder,Idle*` in the environment writes all levels, and each event of the handlers that
 * it names, `*` for all of them; as `DEBUG` does elsewhere.
 *
 * @param level - default `warn`
 */
export function stderrLogger(level: LogLevel = defaultLevel()): Logger {
  return new StderrLogger(level);
}

/** A logger that writes nothing. */
export const silentLogger: Logger = { log() {} };

function defaultLevel(): LogLevel {
  return (process.env.HEADRACE_DEBUG ?? '').trim() === '' ? 'warn' : 'debug';
}

class StderrLogger implements Logger {
  private readonly least: number;
  private readonly ofPeers: RepeatLimit;
  private readonly ofProgram: RepeatLimit;
  private lostLines = 0;

  constructor(level: LogLevel) {
    this.least = RANK[checkChoice('level', level, LEVELS)];
    this.ofPeers = this.newLimit();
    this.ofProgram = this.newLimit();
  }

  private newLimit(): RepeatLimit {
    return new RepeatLimit({
      later: (task, delayMs) => setTimeout(task, delayMs).unref(),
      report: (count, example, periodMs) => this.reportRepeats(count, example, periodMs),
    });
  }

  log(level: LogLevel, message: string, error?: Error): void {
    if (RANK[level] < this.least) return;
    const text = cut(error === undefined ? message : `${message}: ${headOf(error)}`);
    const isOwn = error !== undefined && isOwnFault(error);
    const limit = isOwn || level === 'error' ? this.ofProgram : this.ofPeers;
    // While debugging, each line counts.
    if (RANK[level] > RANK.info && !limit.passes(text)) return;
    this.write(level, printable(text) + (isOwn ? stackOf(error) : ''));
  }

  private reportRepeats(count: number, example: string, periodMs: number): void {
    const text = `${count} more lines like this in ${periodMs / 1000} s: ${printable(example)}`;
    this.write('warn', text);
  }

  private write(level: LogLevel, text: string): void {
    const { stderr } = process;
    if (stderr.writableLength > MAX_WAITING_BYTES) {
      this.lostLines += 1;
      return;
    }
    const lost = this.lostLines === 0 ? '' : ` (${this.lostLines} lines before were lost)`;
    this.lostLines = 0;
    writeSafely(`${new Date().toISOString()} ${level} ${text}${lost}\n`);
  }
}

let writesUnderWay = 0;
const ignore = (): void => {};

/**
 * An `error` event without a listener ends the process: one is added while a line of ours is on its
 * way.
 */
function writeSafely(text: string): void {
  const { stderr } = process;
  if (writesUnderWay === 0) stderr.on('error', ignore);
  writesUnderWay += 1;
  // The simulation of networks knows this function, and the methods of the class, by their names.
  const stderrLineWritten = (): void => {
    // The stream reports its error after this call.
    setImmediate(() => {
      writesUnderWay -= 1;
      if (writesUnderWay === 0) stderr.off('error', ignore);
    });
  };
  try {
    stderr.write(text, stderrLineWritten);
  } catch {
    stderrLineWritten();
  }
}

function cut(text: string): string {
  if (text.length <= MAX_TEXT_LENGTH) return text;
  return `${text.slice(0, MAX_TEXT_LENGTH)}… (${text.length} characters)`;
}

/** Reading a property of somebody's error may throw. */
function headOf(error: Error): string {
  try {
    // One of an older copy of core has no address.
    const known: unknown = isHeadraceError(error) ? error.help : undefined;
    const help = typeof known === 'string' ? ` (${known})` : '';
    return `${error.name}: ${error.message}${help}`;
  } catch {
    return 'an error whose text cannot be read';
  }
}

/** Where it was thrown, one frame a line; of a wrapped error the place of its cause. */
function stackOf(error: Error): string {
  try {
    const inner = isHeadraceError(error) && error.cause instanceof Error ? error.cause : error;
    const frames = String(inner.stack).split('\n');
    const places = frames.filter((frame) => /^\s+at /.test(frame)).map(printable);
    return places.map((place) => `\n${place}`).join('');
  } catch {
    return '';
  }
}
