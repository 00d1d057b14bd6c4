// ARCHITECTURE.md leads a newcomer along one message. It must be the way that a message really takes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from '../problem.ts';
import { PAGE, sectionIn, sectionOf, wordsIn } from './section.ts';
import { recordWalks, totalOf, type Walks } from './walk.ts';

/** What is wrong with a page's walk, when these walks were recorded. */
export function walkProblems(root: string, page: string, walks: Walks): Problem[] {
  const problems: Problem[] = [];
  const written = sectionIn(page);
  const words = wordsIn(written);
  const recorded = sectionOf(root, walks, words);
  const [is, due] = [written.split('\n'), recorded.split('\n')];
  const at = due.findIndex((line, index) => line !== is[index]);
  if (at !== -1 || is.length !== due.length) {
    const message = `the walk is not the recorded one: run \`npm run walk\`. Due: ${due[at] ?? 'less'}`;
    problems.push({ file: PAGE, message });
  }
  for (const [path, text] of words) {
    if (text.trim() === '') problems.push({ file: PAGE, message: `no words about ${path}` });
  }
  return problems;
}

export function checkWalk(root: string): CheckResult {
  const walks = recordWalks(root);
  const page = readFileSync(join(root, PAGE), 'utf8');
  const problems = walkProblems(root, page, walks);
  const summary = `${totalOf(walks.framed)}; with idle, strings and echo ${totalOf(walks.usual)}`;
  return { problems, summary };
}
