// Words that machines can check: links, the examples' code, the handlers' cards, the comments of exports, the error codes,
// the defaults, the limits.
import { checkCards } from './check-cards.ts';
import { checkCounts } from './check-counts.ts';
import { checkErrorCodes } from './check-error-codes.ts';
import { checkExamples } from './check-examples.ts';
import { checkOptions } from './check-options.ts';
import { checkComments } from './comments/check.ts';
import { checkLimits } from './limits.ts';
import { checkInstallation } from './on-npm.ts';
import type { CheckResult } from './problem.ts';
import { checkLinks } from './tools.ts';

export async function checkDocs(root: string): Promise<CheckResult> {
  const results = [
    await checkLinks(root),
    checkCards(root),
    checkComments(root),
    checkErrorCodes(root),
    checkCounts(root),
    checkInstallation(root),
    await checkOptions(root),
    await checkLimits(root),
    await checkExamples(root),
  ];
  return {
    problems: results.flatMap(({ problems }) => problems),
    summary: results.map(({ summary }) => summary).join(', '),
  };
}
