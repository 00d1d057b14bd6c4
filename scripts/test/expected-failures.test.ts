import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectedFailures } from '../runtimes/expected-failures.ts';

it('takes the trials that must fail from the table of the page, and nothing else', () => {
  const page = join(mkdtempSync(join(tmpdir(), 'headrace-runtimes-')), 'runtimes.md');
  writeFileSync(
    page,
    `| Runtime | Version | Trials that hold |
| --- | --- | --- |
| Bun | 1.2.3 | all but 1 |

| Runtime | Trial | Why |
| --- | --- | --- |
| Bun | \`a session is resumed\` | because |
| Deno | \`10,000 messages, in order\` | because of \`that\` |
`,
  );
  expect([...expectedFailures(page)]).toEqual([
    'Bun: a session is resumed',
    'Deno: 10,000 messages, in order',
  ]);
});
