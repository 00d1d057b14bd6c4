import { OptionError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import * as inject from '../src/index.ts';

const { container, containerInitializer } = inject;

/** Whatever somebody may give, typed or not. */
type Given = never;

describe('options', () => {
  it('are checked by everything that takes some: containerInitializer', () => {
    const make = (options: unknown) => () =>
      containerInitializer(container, () => undefined, options as Given);
    expect(make(undefined)).not.toThrow();
    expect(make({ singletons: [] })).not.toThrow();
    expect(make({ singleton: [] })).toThrow(
      'containerInitializer has no option singleton (an object); did you mean singletons?',
    );
    expect(make([])).toThrow(
      'containerInitializer takes an object with singletons, but got an array',
    );
    expect(make({ unknownOption: 1 })).toThrow(OptionError);
    expect(make({ singletons: 'Clock' })).toThrow(
      'singletons is "Clock", but must be a list of tokens',
    );
  });

  it('are taken by nothing else of this package', () => {
    const ours = Object.keys(inject).filter((name) => !(name in tsyringeNames));
    expect(ours.sort()).toEqual(['CHANNEL', 'ChannelScope', 'containerInitializer', 'token']);
  });
});

/** What is tsyringe's own. */
const tsyringeNames = {
  container: true,
  delay: true,
  inject: true,
  injectAll: true,
  injectable: true,
  instanceCachingFactory: true,
  Lifecycle: true,
  registry: true,
  scoped: true,
  singleton: true,
};
