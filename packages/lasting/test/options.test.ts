import { memoryBus } from '@headrace/bus';
import { isHeadraceError } from '@headrace/core';
import { expect, it } from 'vitest';
import * as lasting from '../src/index.ts';
import * as log from '../src/log.ts';

const bootstrap = { connect: () => Promise.reject(new Error('never called')) };

/** What takes an options object, called with one that may be wrong, and its required options. */
const takers: Readonly<Record<string, readonly [(options: never) => unknown, object]>> = {
  LastingBootstrap: [
    (options) => new lasting.LastingBootstrap(options),
    { bootstrap, addresses: [] },
  ],
  ResumeHandler: [
    (options) => new lasting.ResumeHandler(options),
    { table: new lasting.ResumeTable(), childHandler: () => {} },
  ],
  ResumeTable: [(options) => new lasting.ResumeTable(options), {}],
  memorySessionLog: [(options) => log.memorySessionLog(options), {}],
  sessionLogOf: [(options) => log.sessionLogOf(memoryBus(), options), { app: 'test' }],
};

/** Exported classes and functions that take none. */
const others: readonly string[] = [
  'LASTING_ERRORS',
  'LinkLostEvent',
  'LinkMoveEvent',
  'LinkResumedEvent',
  'acknowledged',
  'isLinked',
  'linksOf',
  'unacknowledged',
];

function textOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (isHeadraceError(thrown, 'OPTION_INVALID')) return thrown.message;
    return `no OptionError: ${String(thrown)}`;
  }
  return 'nothing was thrown';
}

it('knows of every exported class and function whether it takes options', () => {
  expect(Object.keys({ ...lasting, ...log }).sort()).toEqual(
    [...Object.keys(takers), ...others].sort(),
  );
});

it.each(Object.entries(takers))('%s refuses an unknown option', (_name, [take, required]) => {
  const text = textOf(() => take({ ...required, unknownOption: 1 } as never));
  expect(text).toContain(' has no option unknownOption (1); ');
});

it.each(Object.keys(takers))('%s refuses a value that is not an options object', (name) => {
  for (const wrong of [null, 80, 'text', [], () => {}]) {
    expect(textOf(() => takers[name]![0](wrong as never))).toMatch(/^\w+ takes an object with/);
  }
});

it('names the required option that is missing', () => {
  expect(textOf(() => new lasting.ResumeHandler({} as never))).toMatch(
    /^ResumeHandler: table is undefined/,
  );
});
