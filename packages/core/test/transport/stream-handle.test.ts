// Whoever wants to hear of uses of Node's internals shall hear of none of ours.
import { expect, it } from 'vitest';

it('does without the internals where NODE_OPTIONS asks for pending deprecations', async () => {
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = '--no-warnings --pending-deprecation';
  const { streamInternals } = await import('../../src/transport/stream-handle.ts');
  if (before === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = before;
  expect(streamInternals).toBeUndefined();
});
