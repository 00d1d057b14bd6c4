import { expect, it } from 'vitest';
import { checkContract } from '../check-contract.ts';
import { describeProblem } from '../problem.ts';
import { manifest, tree } from './tree.ts';

function problems(files: Readonly<Record<string, string>>): string[] {
  const packages = {
    'packages/core/package.json': manifest('core'),
    'packages/handlers/package.json': manifest('handlers'),
  };
  return checkContract(tree({ ...packages, ...files })).problems.map(describeProblem);
}

it('finds library code that sets autoRead', () => {
  const found = problems({
    'packages/handlers/src/a.ts': [
      'export function stop(channel: { autoRead: boolean }): void {',
      '  if (channel.autoRead) channel.autoRead = false;',
      "  channel['autoRead'] ||= true;",
      '}',
    ].join('\n'),
  });
  expect(found).toEqual([
    expect.stringMatching(/^packages\/handlers\/src\/a\.ts:2: sets autoRead/),
    expect.stringMatching(/^packages\/handlers\/src\/a\.ts:3: sets autoRead/),
  ]);
});

it('lets the channel, its subclasses, the test kit and comments be', () => {
  const found = problems({
    'packages/core/src/channel/c.ts': 'export const c = { autoRead: true };\nc.autoRead = false;',
    'packages/core/src/testing/t.ts': 'export const t = { autoRead: true };\nt.autoRead = false;',
    'packages/handlers/src/s.ts': [
      '/** `channel.autoRead = false` is for applications. */',
      'export class S extends Object { set on(value: boolean) { super.autoRead = value; } }',
      'export const options = { autoRead: false };',
      'export const isOn = options.autoRead === false;',
    ].join('\n'),
  });
  expect(found).toEqual([]);
});

it('finds bootstraps that ask for the class of a transport', () => {
  const ask = (name: string): string =>
    `declare class ${name} {}\nexport const is = (x: unknown) => x instanceof ${name};`;
  const found = problems({
    'packages/core/src/bootstrap/a.ts': ask('SocketTransport'),
    'packages/core/src/bootstrap/b.ts': ask('RangeError'),
    'packages/core/src/transport/c.ts': ask('SocketTransport'),
  });
  expect(found).toEqual([
    expect.stringMatching(/bootstrap\/a\.ts:2: asks for the class SocketTransport/),
  ]);
});

it('finds time and turns that come from no clock, and clocks that are compared', () => {
  const found = problems({
    'packages/handlers/src/a.ts': [
      'setImmediate(() => {});',
      'export const at = Date.now();',
      'export const later = (given: { time?: () => number }) => given.time ?? performance.now;',
      'export const isReal = (clock: unknown) => clock === systemClock;',
      'socket.setTimeout(7);',
      'systemClock.schedule(() => {}, 5);',
    ].join('\n'),
    'packages/core/src/internal/system-clock.ts': 'setImmediate(() => {});',
    'packages/core/src/transport/a.ts': 'if (clock !== systemClock) process.nextTick(() => {});',
  });
  expect(found).toEqual([
    expect.stringMatching(/core\/src\/transport\/a\.ts:1: compares a clock with systemClock/),
    expect.stringMatching(/handlers\/src\/a\.ts:1: uses setImmediate/),
    expect.stringMatching(/handlers\/src\/a\.ts:2: uses Date\.now/),
    expect.stringMatching(/handlers\/src\/a\.ts:3: uses performance\.now/),
    expect.stringMatching(/handlers\/src\/a\.ts:4: compares a clock with systemClock/),
  ]);
});
