import { expect, it } from 'vitest';
import { randomText } from '../../src/engine/random-text.ts';

it('gives each text other bytes, and as many as it is asked for', () => {
  const texts = Array.from({ length: 2000 }, (_, i) => randomText(15 + (i % 4)));
  expect(new Set(texts).size).toBe(2000);
  texts.forEach((text, i) => {
    expect(Buffer.from(text, 'base64url')).toHaveLength(15 + (i % 4));
  });
  // No part of the pool is given twice.
  const parts = texts.flatMap((text) => [text.slice(0, 8), text.slice(-8)]);
  expect(new Set(parts).size).toBe(4000);
});
