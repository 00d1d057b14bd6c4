import type { Logger, LogLevel } from '../contract/logger.ts';
import { isHeadraceError } from '../errors.ts';
import { checkChoice } from '../option/option-check.ts';
import { printable } from '../text/printable.ts';
import { systemClock } from '../time/system-clock.ts';
import { isOwnFault } from './own-fault.ts';
import { RepeatLimit } from './repeat-limit.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Maximum output that waits for a reader of standard error, in bytes. Further lines are lost, and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Maximum length of a text. A longer text is cut, because a peer can have sent a part of it. */
const MAX_TEXT_LENGTH = 8192;

/**
 * The default logger. It writes one line to standard error for each message at or above `level`.
 *
 * - Text of a peer is escaped ({@link printable}), so that a peer cannot forge a line.
 * - An error of the program's own code is written with its stack. An error that a peer caused is written as one line.
 * - Ten lines of one kind pass in ten seconds. Further lines are counted, and their number is written. Errors of the program
 *   are counted separately, so that lines from strangers cannot suppress them.
 * - The text of a line is cut at 8192 characters. The stack is not cut.
 * - If standard error is closed, full or stuck, lines are lost, and the process continues.
 *
 * `HEADRACE_DEBUG=LineFrameDecoder,Idle*` in the environment writes all levels, and each event of the handlers that it names.
 * `*` means all handlers.
 *
 * @param level - lowest level that is written; default `warn`
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
      clock: systemClock,
      report: (line) => this.write('warn', printable(line)),
    });
  }

  log(level: LogLevel, message: string, error?: Error): void {
    if (RANK[level] < this.least) return;
    const text = cut(error === undefined ? message : withError(message, error));
    const isOwn = error !== undefined && isOwnFault(error);
    const limit = isOwn || level === 'error' ? this.ofProgram : this.ofPeers;
    // During debugging, no line is suppressed.
    if (RANK[level] > RANK.info && !limit.passes(text)) return;
    this.write(level, printable(text) + (isOwn ? stackOf(error) : ''));
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
 * Writes a line with a listener for errors. An `error` event without a listener would end the process, so a listener is added
 * until the line is written.
 */
function writeSafely(text: string): void {
  const { stderr } = process;
  if (writesUnderWay === 0) stderr.on('error', ignore);
  writesUnderWay += 1;
  // A tool that forbids timers recognizes this function, and the methods of the class, by their names.
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

/** Adds the name and message of an error to a line. Reading a property of an application's error can throw. */
function withError(message: string, error: Error): string {
  try {
    // An error of an older copy of core has no help address.
    const known: unknown = isHeadraceError(error) ? error.help : undefined;
    const help = typeof known === 'string' ? ` (${known})` : '';
    // Many messages contain the text of their error, for loggers that print only the message.
    const rest = error.message === '' ? message : message.replace(`: ${error.message}`, '');
    return `${rest}: ${error.name}: ${error.message}${help}`;
  } catch {
    return `${message}: an error whose text cannot be read`;
  }
}

/**
 * Returns the stack of an error, with one frame on each line. If an error of the framework has a cause, returns the stack of
 * the cause.
 */
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
