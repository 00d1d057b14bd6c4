import { describe, expect, it } from 'vitest';
import { workersPlan } from '../../src/workers/worker-options.ts';

describe('workersPlan', () => {
  it('refuses a retry that is not a function', () => {
    const start = () => ({ drain: () => {} });
    expect(() => workersPlan({ start, retry: 1000 as never })).toThrow(
      'retry is 1000, but must be a function',
    );
    expect(() => workersPlan({ start, retry: undefined as never })).not.toThrow();
  });
});
