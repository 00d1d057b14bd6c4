import { describe, expect, test } from 'vitest';
import { compareReports } from '../api-report/report.ts';

const stands = new Map([['core.api.md', 'export class A {\n    close(): void;\n}\n']]);

describe('the API reports', () => {
  test('say nothing while nothing changed', () => {
    expect(compareReports(stands, new Map(stands))).toEqual([]);
  });

  test('name the line at which the public API changed', () => {
    const now = new Map([
      ['core.api.md', 'export class A {\n    close(force: boolean): void;\n}\n'],
    ]);
    const [problem, advice] = compareReports(stands, now);
    expect(problem).toEqual({
      file: 'api/core.api.md',
      line: 2,
      message:
        'the public API changed here: "close(): void;" is now "close(force: boolean): void;"',
    });
    expect(advice?.message).toContain('npm run api');
  });

  test('name what was added at the end of a report', () => {
    const now = new Map([['core.api.md', `${stands.get('core.api.md')}export class B {\n}\n`]]);
    expect(compareReports(stands, now)[0]).toMatchObject({ line: 4 });
  });

  test('demand a report for a new entry, and no report without an entry', () => {
    const now = new Map([['codec.api.md', 'export class C {\n}\n']]);
    const messages = compareReports(stands, now).map(({ file, message }) => `${file}: ${message}`);
    expect(messages).toContain('api/codec.api.md: this entry has no report yet');
    expect(messages).toContain('api/core.api.md: there is no such entry');
  });
});
