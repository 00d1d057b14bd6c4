// The prose that people read: pages, doc comments, texts of errors and of the log, and the titles of tests, by the list of terms
// beside this file.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  TextlintKernel,
  type TextlintKernelPlugin,
  type TextlintKernelRule,
} from '@textlint/kernel';
import type { CheckResult, Problem } from '../problem.ts';
import { filesBelow } from '../source-file.ts';
import { proseOf, proseOfSamples, proseOfTitles } from './prose-of.ts';

const PAGES = ['docs', 'packages', 'examples', 'benchmarks', 'site', '.changeset'];
const AT_THE_TOP = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'];
/** CommonJS of which the default is meant, whatever loads it. */
const require = createRequire(import.meta.url);
const markdown: {
  default: TextlintKernelPlugin['plugin'];
} = require('@textlint/textlint-plugin-markdown');
const prh: { default: TextlintKernelRule['rule'] } = require('textlint-rule-prh');
const LIST = fileURLToPath(new URL('terms.yml', import.meta.url));

/** Markdown and TypeScript of which somebody reads the words. */
function readable(root: string): string[] {
  const pages = PAGES.flatMap((folder) => filesBelow(root, folder, ['.md']));
  const sources = filesBelow(root, 'packages', ['.ts']).filter((file) => file.includes('/src/'));
  const top = AT_THE_TOP.filter((file) => existsSync(join(root, file)));
  const tests = ['packages', 'examples', 'scripts', 'benchmarks', 'site'].flatMap((folder) =>
    filesBelow(root, folder, ['.test.ts']),
  );
  return [...top, ...pages, ...sources, ...tests];
}

function proseIn(file: string, text: string): string[] {
  if (file.endsWith('.md')) return [text, proseOfSamples(file, text)];
  return [file.endsWith('.test.ts') ? proseOfTitles(text) : proseOf(file, text)];
}

export async function checkProse(root: string): Promise<CheckResult> {
  const kernel = new TextlintKernel();
  const options = {
    ext: '.md',
    plugins: [{ pluginId: 'markdown', plugin: markdown.default }],
    rules: [{ ruleId: 'prh', rule: prh.default, options: { rulePaths: [LIST] } }],
  };
  const files = readable(root);
  const problems: Problem[] = [];
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const one of proseIn(file, text)) {
      const { messages } = await kernel.lintText(one, { ...options, filePath: join(root, file) });
      for (const { line, message } of messages) problems.push({ file, line, message });
    }
  }
  return { problems, summary: `${files.length} files keep to scripts/prose/terms.yml` };
}
