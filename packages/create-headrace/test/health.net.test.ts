import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { checkHealth, PROGRAMS } from './fixture/health.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/create-headrace-`);
});
afterEach(() => rmSync(folder, { recursive: true }));

// The others are heavy: each is several programs from source.
const programs = PROGRAMS.slice(0, 1);

describe('health and metrics', () => {
  it.each(programs)('of %s are served, and end with it', (name) => checkHealth(name, folder));
});
