import { expect, it } from 'vitest';
import { differences } from '../api-report/report.ts';
import { tree } from './tree.ts';

const REPORT = 'export class A {\n    close(): void;\n}\n';

it('the API reports show each line that changed, each new entry, and each that is gone', async () => {
  const root = tree({ 'api/core.api.md': REPORT, 'api/codec.api.md': REPORT });
  const now = (files: Readonly<Record<string, string>>) => differences(root, tree(files));
  expect(await now({ 'core.api.md': REPORT, 'codec.api.md': REPORT })).toEqual([]);
  const changed = REPORT.replace('close()', 'close(force: boolean)');
  const [problem] = await now({ 'core.api.md': changed, 'client.api.md': REPORT });
  expect(problem?.message).toMatch(/codec\.api\.md\S*\ndeleted file/);
  expect(problem?.message).toContain('-    close(): void;\n+    close(force: boolean): void;');
  expect(problem?.message).toMatch(/client\.api\.md\S*\nnew file/);
});
