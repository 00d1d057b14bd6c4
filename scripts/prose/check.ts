// The prose that people read: pages, doc comments, and texts of errors and of the log, by the list of terms beside this file.
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
import { proseOf, proseOfSamples } from './prose-of.ts';

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
  return [...top, ...pages, ...sources];
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
    const texts = file.endsWith('.md') ? [text, proseOfSamples(file, text)] : [proseOf(file, text)];
    for (const one of texts) {
      const { messages } = await kernel.lintText(one, { ...options, filePath: join(root, file) });
      for (const { line, message } of messages) problems.push({ file, line, message });
    }
  }
  return { problems, summary: `${files.length} files keep to scripts/prose/terms.yml` };
}
