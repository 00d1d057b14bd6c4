import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeTransport } from '../../src/testing/transport-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'hr-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'contract');

describeTransport(
  { describe, it, expect },
  {
    name: 'path',
    bind: () => ({ path }),
    connect: () => ({ path }),
    nobody: () => ({ path: join(folder, 'nobody') }),
    resets: false,
    transferBytes: 64 * 1024 * 1024,
  },
);
