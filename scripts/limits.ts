// The tables of docs/limits.md, which are made from the descriptions of options: `npm run limits` writes them,
// `npm run check -- docs` compares them. The lines between the tables are written by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Declarations } from './comments/declarations.ts';
import type { CheckResult, Problem } from './problem.ts';
import { describedSets } from './site/option-sets.ts';
import { type Option, OptionTypes } from './site/options.ts';
import { readSource } from './source-file.ts';
import { allEntries, root, sourcesIn } from './workspace.ts';

const PAGE = 'docs/limits.md';
/**
 * A table of the page. Its limits are those of the sources whose paths begin with one of the words; the longest word of all
 * tables decides. The first table also has what no word begins.
 */
const TABLE = /(<!-- limits of ([^>]*?) -->\n)([\s\S]*?)(<!-- end of the limits -->)/g;
/** Tests and simulations serve nobody. */
const NOT_SERVED = /^(?:core\/src\/(?:testing|transport\/memory)|simulation)\b/;
/** A row has the first sentence of its option, and the next sentences that say what happens at the limit, up to this many words. */
const WORDS_OF_ROW = 20;
const OUTCOME =
  /\b(?:fails?|refused|close[sd]?|held|waits?|dropped|answered|ends?|forgotten|gives? up|down|writable)\b/;
const MAXIMUM =
  /^Maximum (?!(?:interval|number of routers|share|size of the capture|wait before)\b)/;
/** What a row says in place of a default: a number, that there is none, or that one must be given; not another option. */
const HAS_VALUE = /^(?:\d|none$|required$)/;
/** Limits whose sentence does not begin with "Maximum". */
const ALSO = new Set(
  `ChannelOptions.writeBufferHighBytes ChannelOptions.writeBufferLowBytes channelStreams.highWaterMark
   ExchangeHandler.concurrency Gateway.maxDeliveries Gateway.maxUnanswered Gateway.maxUnansweredBytes
   GuessLimiter.forgiveEveryMs GuessLimiter.freeTries GuessLimiter.sharedFactor IdleStateHandler.readerIdleMs
   HeadraceClient.timeoutMs HeadraceServer.authTimeoutMs ProtocolDetector.maxBytes RetryBudget.burst
   RetryBudget.perSecond YamuxHandler.windowBytes clusterApi.idempotencyMs clusterApi.requestsPerSecond
   durableGroup.ageMs durableGroup.messages durableGroup.recent leave.batch leave.spreadMs
   memorySessionLog.keepMs sessionLogOf.keepMs runWorkers.maxSurge shutdown.batch
   stateGroup.changesPerSecond stateGroup.removalAgeMs stateGroup.removals
   EngineBus.heartbeatMs ReconnectingClient.raceMs ConnectSocketOptions.familyAttemptMs`.split(
    /\s+/,
  ),
);

interface Limit {
  readonly of: string;
  readonly option: string;
  readonly absent: string;
  readonly words: string;
  readonly file: string;
}

async function limitsOf(root: string): Promise<Limit[]> {
  const sources = sourcesIn(root).map((file) => readSource(root, file));
  const all = new Declarations(sources);
  const exported = allEntries(root).flatMap(({ source }) => all.exportedBy(source));
  const names = new Set(
    exported.filter(({ comment }) => !comment.includes('@internal')).map(({ name }) => name),
  );
  const sets = await describedSets(root);
  const known = new Set(
    sets.flatMap(({ owner, kinds }) => Object.keys(kinds).map((name) => `${owner}.${name}`)),
  );
  const unknown = [...ALSO].filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`scripts/limits.ts has unknown options: ${unknown}`);
  return limitsIn(new OptionTypes(sources, sets), names);
}

/** The options of exported interfaces that limit something, each once, with its default or "required". */
export function limitsIn(types: OptionTypes, exported: ReadonlySet<string>): Limit[] {
  const limits = new Map<string, Limit>();
  for (const set of types.sets) {
    const file = set.file.replace(/^packages\//, '');
    if (NOT_SERVED.test(file)) continue;
    for (const { name, options } of types.takenBy(set)) {
      if (!exported.has(name)) continue;
      const of = exported.has(set.owner) && /^[A-Z]/.test(set.owner) ? set.owner : name;
      for (const option of options) {
        const isAlso = ALSO.has(`${set.owner}.${option.name}`);
        if (!/\bnumber\b/.test(option.type) || !(MAXIMUM.test(option.words) || isAlso)) continue;
        const absent = absentOf(option);
        const place = `${option.file}:${option.line}`;
        if (absent === undefined || !HAS_VALUE.test(absent) || limits.has(place)) continue;
        limits.set(place, { of, option: option.name, absent, words: wordsOf(option), file });
      }
    }
  }
  return [...limits.values()];
}

/** What its comment says first; the page says that a limit is a maximum, and how it is removed, and the table has the unit. */
function wordsOf({ words }: Option): string {
  return beginOf(words)
    .replace(/^Maximum (?!of\b)(.)/, (_, first: string) => first.toUpperCase())
    .replace(/(?:,? in milliseconds\b|, in bytes(?=[.;]|$))/g, '')
    .replace(/(?:[;,] or|[;,]) `(?:false|Infinity)` for no(?:ne| limit)\b/g, '')
    .replace(/ `(?:false|Infinity)` means no (?:limit|deadline)\./g, '');
}

function beginOf(words: string): string {
  const [first = '', ...others] = words.split(/(?<=\.)\s+(?=[A-Z`])/);
  const taken = [first];
  const count = (text: string): number => text.split(/\s+/).length;
  let isWithin = true;
  let total = count(first);
  for (const sentence of others) {
    total += count(sentence);
    isWithin &&= total <= WORDS_OF_ROW;
    if ((isWithin && OUTCOME.test(sentence)) || sentence.includes('HR_ERR_')) taken.push(sentence);
  }
  return taken.join(' ');
}

/** What holds without the option; `undefined` for an option of one call, which has neither a default nor must be given. */
function absentOf({ name, isRequired, words, standard, described }: Option): string | undefined {
  if (isRequired) return 'required';
  const value = described?.standard;
  if (value === undefined) return standard;
  if (value === 'false' || value === 'Infinity') return 'none';
  return withUnit(Number(value), /Ms$/.test(name), /Bytes$|Length$/.test(name), words);
}

function withUnit(value: number, isTime: boolean, isSize: boolean, words: string): string {
  const largest = (units: readonly (readonly [number, string])[]): string | undefined => {
    const [size, unit] = units.find(([size]) => value >= size && (value * 4) % size === 0) ?? [];
    return size === undefined ? undefined : `${value / size} ${unit}`;
  };
  const plain = value.toLocaleString('en-US');
  if (isTime) {
    return (
      largest([
        [3_600_000, 'h'],
        [60_000, 'min'],
        [1000, 's'],
      ]) ?? `${plain} ms`
    );
  }
  if (!isSize && !/\b(?:in|of|number of) bytes\b/.test(words)) return plain;
  return (
    largest([
      [1024 * 1024, 'MiB'],
      [1024, 'KiB'],
    ]) ?? `${plain} bytes`
  );
}

/** The page with the tables that it should have. */
export function withLimits(page: string, limits: readonly Limit[]): string {
  const tables = [...page.matchAll(TABLE)].map(([, , words = '']) => words.split(/\s+/));
  const homeOf = ({ file }: Limit): number => {
    const longest = (words: readonly string[]): number =>
      Math.max(-1, ...words.filter((word) => file.startsWith(word)).map((word) => word.length));
    const lengths = tables.map(longest);
    return lengths.indexOf(Math.max(...lengths));
  };
  let at = 0;
  return page.replace(TABLE, (_, begin: string, _words, _table, end: string) => {
    const own = limits.filter((limit) => homeOf(limit) === at);
    at += 1;
    return `${begin}\n${tableOf(own)}\n\n${end}`;
  });
}

function tableOf(limits: readonly Limit[]): string {
  const alike = new Map<string, Limit[]>();
  for (const limit of limits) {
    const key = `${limit.option} ${limit.absent} ${limit.words}`;
    alike.set(key, [...(alike.get(key) ?? []), limit]);
  }
  const rows = [...alike.values()].map((same) => {
    const { option, absent, words } = same[0]!;
    const of = [...new Set(same.map(({ of }) => of))].sort();
    const name =
      of.length === 1
        ? `\`${of[0]}.${option}\``
        : `\`${option}\` of ${of.map((one) => `\`${one}\``).join(', ')}`;
    return `| ${name} | ${cell(absent)} | ${cell(words)} |`;
  });
  const head = '| Option | Default | Limit, and what happens at it |';
  return [head, '| --- | --- | --- |', ...rows].join('\n');
}

const cell = (text: string): string =>
  text
    .replace(
      /\{@link\s+([^}|\s]+)(?:\s*[|\s]\s*([^}]+))?\}/g,
      (_, name, words) => words ?? `\`${name}\``,
    )
    .replaceAll('HR_ERR_', '')
    .replaceAll('|', '\\|');

export async function checkLimits(root: string): Promise<CheckResult> {
  const page = readFileSync(join(root, PAGE), 'utf8');
  const limits = await limitsOf(root);
  const problems: Problem[] = [];
  if (withLimits(page, limits) !== page)
    problems.push({ file: PAGE, message: 'is not what the options say: npm run limits' });
  return { problems, summary: `${limits.length} limits are those of their options` };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = join(root, PAGE);
  writeFileSync(path, withLimits(readFileSync(path, 'utf8'), await limitsOf(root)));
}
