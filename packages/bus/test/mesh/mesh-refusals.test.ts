import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { MeshRefusals } from '../../src/mesh/mesh-refusals.ts';

function logOf() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const refusals = new MeshRefusals(clock, { log: (_level, line) => void lines.push(line) });
  let port = 1000;
  const stranger = (why: string) => {
    port += 1;
    refusals.log(`the node 10.0.0.9:${port} is not connected: ${why}`, true);
  };
  const own = (why: string) => refusals.log(`the node b:7700 is not connected: ${why}`, false);
  return { clock, lines, refusals, stranger, own };
}

it('limits the lines of a reason, not of a port, and goes on with other reasons', () => {
  const { lines, stranger } = logOf();
  for (let i = 0; i < 1000; i++) stranger('it greets as no node does');
  expect(lines).toHaveLength(8);
  stranger('it has another key');
  expect(lines.at(-1)).toBe('the node 10.0.0.9:2001 is not connected: it has another key');
});

it('keeps the lines about nodes of the own list, whatever reasons strangers make up', () => {
  const { clock, lines, refusals, stranger, own } = logOf();
  for (let i = 0; i < 5000; i++) stranger(`reason ${'x'.repeat(i % 500)} of many`);
  own('it has another key');
  expect(lines.at(-1)).toBe('the node b:7700 is not connected: it has another key');
  const before = lines.length;
  clock.advance(60_000);
  expect(lines.slice(before)).toContainEqual(
    expect.stringMatching(/^\d+ more lines like this in 60 s: /),
  );
  stranger('it has no keys');
  expect(lines.at(-1)).toContain('it has no keys');
  refusals.close();
});

it('logs nothing more after its link has ended', () => {
  const { clock, lines, refusals, stranger } = logOf();
  for (let i = 0; i < 100; i++) stranger('it has no keys');
  refusals.close();
  clock.advance(120_000);
  expect(lines).toHaveLength(8);
});
