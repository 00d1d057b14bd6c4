// The status of programs as text for a terminal.
import { printable } from '@headrace/core/authoring';
import type { ChannelReport, ProcessReport, ServedStatus } from '@headrace/handlers/health';
import { bytesText, countText, durationText } from './number-text.ts';
import { blocks, table, wrapped } from './text-layout.ts';

/** The answers of some programs. */
export interface Look {
  readonly statuses: readonly ServedStatus[];
  /** Why other programs have no status. */
  readonly failures: readonly string[];
}

export interface TextOptions {
  /** Width of the terminal, or undefined for lines of any length. */
  readonly columns: number | undefined;
  /** The look before this one, for rates. */
  readonly before: Look | undefined;
}

const MAX_LINES = 10;

/** Returns the processes as a table, and below it what is not usual. Texts of the report are escaped. */
export function statusText(look: Look, { columns, before }: TextOptions): string {
  const statuses = escaped(look.statuses);
  const processes = statuses.flatMap((status) => status.processes);
  const rates = new Rates(escaped(before?.statuses ?? []));
  const rows = processes.map((process) => rowOf(process, rates));
  if (rows.length > 1) rows.push(totalOf(processes, rates));
  const lines = processes.length === 0 ? [] : tableOrBlocks(rows, columns);
  for (const [title, parts] of notes(statuses, processes)) {
    if (parts.length > 0) lines.push(...wrapped(title, parts, columns));
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** Returns the answers as JSON of ASCII characters, so that no text of a peer reaches the terminal. */
export function asciiJson({ statuses, failures }: Look, isLine: boolean): string {
  const json = JSON.stringify({ statuses, failures }, null, isLine ? 0 : 2);
  return json.replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

type Row = Readonly<Record<string, string>>;

function tableOrBlocks(rows: readonly Row[], columns: number | undefined): string[] {
  const lines = table(rows);
  const isNarrow = columns !== undefined && lines.some(({ length }) => length > columns);
  return isNarrow ? blocks(rows, columns) : lines;
}

/** Messages per second since the look before. */
class Rates {
  private readonly before = new Map<string, ProcessReport>();

  constructor(statuses: readonly ServedStatus[]) {
    for (const { processes } of statuses) {
      for (const process of processes) this.before.set(identityOf(process), process);
    }
  }

  /** Returns undefined without a look before. */
  of(process: ProcessReport): number | undefined {
    const before = this.before.get(identityOf(process));
    const seconds = (process.uptimeMs - (before?.uptimeMs ?? 0)) / 1000;
    if (before === undefined || seconds <= 0) return undefined;
    return (messagesOf(process) - messagesOf(before)) / seconds;
  }
}

function identityOf({ host, pid }: ProcessReport): string {
  return `${host} ${pid}`;
}

function messagesOf({ traffic }: ProcessReport): number {
  return traffic.messagesRead + traffic.messagesWritten;
}

function rowOf(process: ProcessReport, rates: Rates): Row {
  const { name, host, uptimeMs } = process;
  return { PROCESS: name, HOST: host, UP: durationText(uptimeMs), ...numbersOf([process], rates) };
}

function totalOf(processes: readonly ProcessReport[], rates: Rates): Row {
  return { PROCESS: 'all', HOST: '', UP: '', ...numbersOf(processes, rates) };
}

function numbersOf(processes: readonly ProcessReport[], rates: Rates): Row {
  const sum = (of: (process: ProcessReport) => number): number =>
    processes.reduce((total, process) => total + of(process), 0);
  const known = processes.map((process) => rates.of(process)).filter((rate) => rate !== undefined);
  return {
    OPEN: countText(sum(({ connections }) => connections.open)),
    OPENED: countText(sum(({ connections }) => connections.opened)),
    IN: bytesText(sum(({ traffic }) => traffic.bytesRead)),
    OUT: bytesText(sum(({ traffic }) => traffic.bytesWritten)),
    ...(known.length > 0 && {
      'MSG/S': countText(Math.round(known.reduce((total, rate) => total + rate, 0))),
    }),
    WAITING: bytesText(sum(({ channels }) => channels.waitingBytes)),
    SLOW: countText(sum(({ channels }) => channels.unwritable)),
    HELD: countText(sum(({ channels }) => sumOf(channels.holds))),
    ERRORS: countText(sum(({ errors }) => sumOf(errors))),
    MEMORY: bytesText(sum(({ memory }) => memory.rssBytes)),
  };
}

/** Returns the lines below the table: a title, and the parts of the line. */
function notes(
  statuses: readonly ServedStatus[],
  processes: readonly ProcessReport[],
): [string, string[]][] {
  const missing = statuses.flatMap((status) => status.missing);
  const groups = processes.flatMap((process) => process.groups.largest);
  const slowest = processes.flatMap(({ channels }) => channels.slowest).sort(bySlowness);
  return [
    ['not ready', statuses.flatMap(({ notReady }) => notReady)],
    ['closed', counts(processes.map(({ connections }) => connections.closed))],
    ['errors', counts(processes.map(({ errors }) => errors))],
    ['reads held by', counts(processes.map(({ channels }) => channels.holds))],
    ['slow members', counts(processes.map((process) => ({ ...process.groups.slowMembers })))],
    ['groups', counts(groups.map(({ name, members }) => ({ [name]: members })))],
    ...slowest.slice(0, MAX_LINES).map((channel): [string, string[]] => ['slow', slowOf(channel)]),
    ...missing.map(({ name, why }): [string, string[]] => ['no numbers', [`${name}: ${why}`]]),
    ...processes.flatMap(partOf),
  ];
}

function bySlowness(one: ChannelReport, other: ChannelReport): number {
  return other.waitingBytes - one.waitingBytes || other.heldMs - one.heldMs;
}

function slowOf({ id, remote, waitingBytes, holds, heldMs }: ChannelReport): string[] {
  const parts = [`${id} ${remote}`.trim()];
  if (waitingBytes > 0) parts.push(`${bytesText(waitingBytes)} wait`);
  if (holds.length > 0) parts.push(`reads held by ${holds.join(' and ')}`);
  if (heldMs > 0) parts.push(`not read for ${durationText(heldMs)} in all`);
  return parts;
}

/** Returns a line if the report is about a part of the channels or groups. */
function partOf({ name, connections, channels, groups }: ProcessReport): [string, string[]][] {
  const parts: string[] = [];
  if (channels.looked < connections.open) {
    const looked = `${countText(channels.looked)} looked at`;
    parts.push(`of ${countText(connections.open)} connections, ${looked}`);
  }
  if (!groups.isWhole) parts.push(`${countText(groups.looked)} groups looked at, there are more`);
  return [[name, parts]];
}

/** Returns the sums by name, the largest first, without zeros. */
function counts(records: readonly Readonly<Record<string, number>>[]): string[] {
  const sums = new Map<string, number>();
  for (const record of records) {
    for (const [name, count] of Object.entries(record)) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  const sorted = [...sums].filter(([, sum]) => sum > 0).sort(([, one], [, other]) => other - one);
  const shown = sorted.slice(0, MAX_LINES).map(([name, sum]) => `${name} ${countText(sum)}`);
  const rest = sorted.length - shown.length;
  return rest > 0 ? [...shown, `${rest} more`] : shown;
}

function sumOf(record: Readonly<Record<string, number>>): number {
  return Object.values(record).reduce((total, count) => total + count, 0);
}

/** Escapes each text of a value, the names of its fields included. */
function escaped<T>(value: T): T {
  if (typeof value === 'string') return printable(value) as T;
  if (Array.isArray(value)) return value.map(escaped) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, each]) => [printable(name), escaped(each)]);
  return Object.fromEntries(entries) as T;
}
