// Every number that the name of a test begins with is explained in docs/statements.md, every statement there that
// we keep or adapt is covered by a test or a decision, and the page shows by which.
import type { CheckResult, Problem } from '../problem.ts';
import {
  findPlaces,
  isCovered,
  PAGE,
  type Places,
  readPage,
  refreshed,
  type Statement,
  statementsIn,
} from './page.ts';

/** Numbers come in order and once: `S1`, `S2` … `L1`, `L2` … */
function orderProblems(statements: readonly Statement[]): Problem[] {
  return ['S', 'L'].flatMap((letter) =>
    statements
      .filter(({ number }) => number.startsWith(letter))
      .flatMap(({ number, line }, index) => {
        const due = `${letter}${index + 1}`;
        return number === due
          ? []
          : [{ file: PAGE, line, message: `${number}, but ${due} is due` }];
      })
      .slice(0, 1),
  );
}

function unknownNumbers({ tests }: Places, statements: readonly Statement[]): Problem[] {
  const known = new Set(statements.map(({ number }) => number));
  return [...tests]
    .filter(([number]) => !known.has(number))
    .flatMap(([number, files]) =>
      files.map((file) => ({ file, message: `a test is named ${number}, which ${PAGE} lacks` })),
    );
}

function needsCover({ number, state }: Statement): boolean {
  return number.startsWith('S') ? state !== 'not copied' : true;
}

export function checkStatements(root: string): CheckResult {
  const page = readPage(root);
  const places = findPlaces(root);
  const now = refreshed(page, places);
  const statements = statementsIn(now);
  const problems = [...orderProblems(statements), ...unknownNumbers(places, statements)];
  for (const statement of statements.filter(needsCover)) {
    if (isCovered(statement)) continue;
    const message = `${statement.number} is covered by no test and no decision`;
    problems.push({ file: PAGE, line: statement.line, message });
  }
  const [is, due] = [page.split('\n'), now.split('\n')];
  const at = due.findIndex((line, index) => line !== is[index]);
  if (at !== -1) {
    const message = 'is not what covers the statement now: run `npm run statements`';
    problems.push({ file: PAGE, line: at + 1, message });
  }
  const tested = statements.filter(({ number }) => places.tests.has(number)).length;
  return { problems, summary: `${statements.length} statements, ${tested} with tests` };
}
