// Every function that an application gives as an option, in one table that is made from the descriptions.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { OptionKind } from '../../packages/core/src/authoring.ts';
import { root, sourcesIn } from '../workspace.ts';

interface FunctionOption {
  /** As `EchoHandler reply`. */
  readonly title: string;
  /** As in errors: `replies.accepted`. */
  readonly label: string;
  readonly name: string;
  readonly file: string;
  readonly kind: OptionKind<unknown, (...args: unknown[]) => unknown>;
}

type Sets = typeof import('../../packages/core/src/option/option-set.ts');

const noted = vi.hoisted(() => [] as { readonly set: unknown; readonly stack: string }[]);
vi.mock('../../packages/core/src/option/option-set.ts', async (original) => {
  const sets = await original<Sets>();
  const noting = <Describe extends (...args: never[]) => unknown>(describe: Describe): Describe =>
    ((...args) => {
      const set = describe(...args);
      noted.push({ set, stack: new Error('where').stack! });
      return set;
    }) as Describe;
  return {
    ...sets,
    describeOptions: noting(sets.describeOptions),
    describePart: noting(sets.describePart),
  };
});

const options: FunctionOption[] = [];
const described = /\bdescribe(?:Options|Part)\(/;
for (const file of sourcesIn(root)) {
  const path = join(root, file);
  if (described.test(readFileSync(path, 'utf8'))) await import(pathToFileURL(path).href);
}
for (const { set: made, stack } of noted) {
  const set = made as InstanceType<Sets['OptionSet']>;
  const [file = ''] = /packages\/[\w-]+\/src\/[\w/-]+\.ts/.exec(stack) ?? [];
  const labels = (set as unknown as { readonly labels: readonly string[] }).labels;
  for (const [at, [name, kind]] of Object.entries(set.kinds).entries()) {
    if (kind.answers === undefined) continue;
    const label = labels[at]!;
    options.push({ title: `${set.owner} ${name}`, label, name, file, kind: kind as never });
  }
}
const answering = (answers: string): FunctionOption[] =>
  options.filter(({ kind }) => kind.answers === answers);

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
process.on('unhandledRejection', note);
afterEach(async () => {
  vi.restoreAllMocks();
  // Rejections that nothing handles are reported now.
  await turn();
  expect(unhandled.splice(0)).toEqual([]);
});

const FAULT = new Error('the fault of the application');
const throws = (): never => {
  throw FAULT;
};
const rejects = (): Promise<never> => Promise.reject(FAULT);

it('finds the options', () => {
  expect(options.length).toBeGreaterThan(70);
  const packages = new Set(options.map(({ file }) => file.split('/')[1]));
  expect([...packages].sort()).toEqual([
    'client',
    'cluster',
    'core',
    'durable',
    'gateway',
    'handlers',
    'lasting',
    'nestjs',
    'rpc',
    'simulation',
    'socket-io',
    'tabs',
    'websocket',
    'workers',
    'yamux',
  ]);
});

describe.each(options)('$title', ({ label, kind }) => {
  it.each([1, 'text', null, {}])('refuses %j', (given) => {
    // An initializer is refused with the code to write instead.
    const builds = / that builds the pipeline of /.exec(kind.allowed) !== null;
    const texts = builds
      ? [
          `${label} takes a function that builds the pipeline of a channel`,
          `${label}: (channel) => `,
        ]
      : [`${label} is `, `must be ${kind.allowed}`];
    for (const text of texts) expect(() => kind.check(label, given)).toThrow(text);
  });
});

describe.each(answering('sync'))('$title, which answers at once', ({ label, kind }) => {
  it('refuses a promise, and loses no rejection', () => {
    const text = `${label} returned a promise, but must return its answer at once`;
    for (const given of [rejects, () => Promise.resolve(1), () => new Promise(() => {})])
      expect(() => kind.check(label, given)(1, 2)).toThrow(text);
  });

  it('passes on its answer and what it throws', () => {
    expect(kind.check(label, () => label)(1)).toBe(label);
    expect(() => kind.check(label, throws)(1)).toThrow(FAULT);
  });
});

describe.each(answering('void'))('$title, which observes', ({ label, kind }) => {
  it.each([
    ['throws', throws],
    ['rejects', rejects],
  ])('stops nothing, and is reported when it %s', async (_way, fails) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const lines: string[] = [];
    const logger = { log: (_level: string, text: string) => void lines.push(text) };
    const channel = { logger, toString: () => '[channel]' };
    const guarded = kind.check(label, fails);
    const beside = kind.check(label, fails, { logger });
    expect([guarded(channel), guarded(1), guarded(), beside(1)]).toEqual(Array(4).fill(undefined));
    await turn();
    expect(lines.sort()).toEqual([
      `[channel] ${label} failed: ${FAULT.message}`,
      `${label} failed: ${FAULT.message}`,
    ]);
    expect(warn.mock.calls).toEqual([[FAULT], [FAULT]]);
  });
});

it('gets the arguments that it takes, and no others', () => {
  for (const { label, kind } of options) {
    const got = vi.fn((..._args: unknown[]) => undefined);
    kind.check(label, got)(1, 2);
    const given = got.mock.calls[0]!;
    expect(given).toEqual([1, 2].slice(0, given.length));
  }
});

/**
 * The convention that makes a guard of a description a guard of its handler: `options` is the object as it was given, and
 * only the check reads functions from it.
 */
it('no source calls the function as it was given', () => {
  const found: string[] = [];
  const guarded = options.filter(({ kind }) => kind.answers !== 'async');
  for (const file of new Set(guarded.map((option) => option.file))) {
    const own = guarded.filter((option) => option.file === file).map(({ name }) => name);
    const names = `(?:${own.join('|')})`;
    const reads = [
      `(?<![.\\w])options\\??\\.${names}\\b`,
      `\\{[^{}]*\\b${names}\\b[^{}]*\\} = options;`,
      'this\\.\\w+ = options;',
    ];
    const text = readFileSync(join(root, file), 'utf8');
    for (const [part] of text.matchAll(new RegExp(reads.join('|'), 'g')))
      found.push(`${file}: ${part}`);
  }
  expect(found).toEqual([]);
});
