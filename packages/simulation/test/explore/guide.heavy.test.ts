import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const guide = readFileSync(join(root, 'docs/guides/prove-it-by-simulation.md'), 'utf8');
const REPORTS = `
const { writeFileSync, readFileSync } = await import('node:fs');
const reports = [first!, second!].map(({ message }) => message);
console.log(JSON.stringify({ reports, svg: readFileSync(first!.diagramFile, 'utf8') }));
`;

it('shows what a run of its code really reports', { timeout: 60_000 }, async () => {
  const [, code = ''] = /```ts run\n(.*?)```/s.exec(guide)!;
  const folder = mkdtempSync(join(root, 'packages/handlers/test/guide-'));
  try {
    const file = join(folder, 'guide.ts');
    writeFileSync(file, code.replace(/^console\.log.*$/m, REPORTS));
    const flags = ['--conditions=@headrace/source', '--import', join(root, 'scripts/register.mjs')];
    const { stdout } = await run(process.execPath, [...flags, file], { cwd: root });
    const { reports, svg } = JSON.parse(stdout) as { reports: string[]; svg: string };
    const lines = new Set(reports.flatMap((report) => report.split('\n')));
    const shown = [...guide.matchAll(/```text\n(.*?)```/gs)].flatMap(([, text]) =>
      text!.split('\n'),
    );
    const invented = shown.filter(
      (line) => !lines.has(line) && !/^(…|the sequence diagram.*)?$/.test(line),
    );
    expect(invented).toEqual([]);
    await expect(svg).toMatchFileSnapshot(join(root, 'docs/guides/prove-it-by-simulation.svg'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
