import { isHeadraceError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import * as tabs from '../src/index.ts';

/** What takes an options object, called with one that may be wrong, and what its errors call it. */
const takers: Readonly<Record<string, readonly [string, (options: never) => unknown]>> = {
  PortTransport: [
    'PortTransport',
    (options) => new tabs.PortTransport(new MessageChannel().port1, options),
  ],
  SharedWorkerBootstrap: [
    '.options',
    (options) => new tabs.SharedWorkerBootstrap().options(options),
  ],
  TabServer: [
    'TabServer',
    (options: object | null) =>
      new tabs.TabServer(
        (options?.constructor === Object ? { pipeline: () => {}, ...options } : options) as never,
      ),
  ],
};

/** Exported classes and functions that take none. */
const others = ['OwnConnectionEvent'];

function textOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (isHeadraceError(thrown, 'OPTION_INVALID')) return thrown.message;
  }
  return 'no OptionError';
}

it('knows of every exported class and function whether it takes options', () => {
  const exported: Readonly<Record<string, unknown>> = { ...tabs };
  const names = Object.keys(exported).filter((name) => typeof exported[name] === 'function');
  expect(names.sort()).toEqual([...Object.keys(takers), ...others].sort());
});

describe.each(Object.values(takers))('%s', (owner, take) => {
  it('refuses an unknown option', () => {
    const text = textOf(() => take({ unknownOption: 1 } as never));
    expect(text).toContain(`${owner} has no option unknownOption (1); `);
  });

  it('refuses a value that is not an options object', () => {
    for (const value of [null, 80, 'text', [], () => {}]) {
      expect(textOf(() => take(value as never))).toContain(`${owner} takes an object with `);
    }
  });
});
