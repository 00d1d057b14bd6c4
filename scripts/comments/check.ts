// What a package exports is explained where a user reads it: a sentence for each name, the errors that it throws, the
// units and defaults of its options, the units of times. A member whose name and type say everything has no comment.
import type { CheckResult, Problem } from '../problem.ts';
import { type Option, OptionTypes } from '../site/options.ts';
import { lineOf, readSource, type SourceFile, type SyntaxNode } from '../source-file.ts';
import { allEntries, sourcesIn } from '../workspace.ts';
import {
  Declarations,
  type Declared,
  nameOf,
  paramsOf,
  publicMembers,
  wordsOf,
} from './declarations.ts';
import { isOfOptions, thrownBy } from './thrown.ts';

const UNITS =
  'ms|milliseconds?|seconds?|minutes?|bytes?|KiB|MiB|characters?|bits?|port|numbers?|count|times|factor|percent';
const SHARES = 'share|many|most|often|per second|at once|at a time|at the same time|\\d+ to \\d+';
const UNIT = new RegExp(`\\b(?:${UNITS}|${SHARES})\\b`, 'i');
/** "Requests that wait": what the sentence begins with is counted. */
const COUNTED =
  /^(?!(?:Gets|Gives|Has|Is|Makes|Reads|Sends|Takes|This)\b)(?:The |New |Wrong |Refused |Held )?[A-Z]?[\w-]+s\b(?!,)/;
const UNIT_NAME = /(?:Ms|Seconds?|Bytes|Ratio|Factor|Length|[pP]ort|[sS]eed)$/;
const TIME_NAME =
  /^(?:now|at|since|until|delay|deadline|timeout|interval)$|(?:At|Since|Until|Deadline)$/;
const TIME_UNIT = /\b(?:ms|(?:milli)?seconds?|minutes?|days?)\b/i;
const WITHOUT =
  /\b(?:defaults?|without|absent|otherwise|unless|left out|only (?:if|with|where))\b/i;

export function checkComments(root: string): CheckResult {
  const sources = sourcesIn(root).map((path) => readSource(root, path));
  const all = new Declarations(sources);
  const types = new OptionTypes(sources);
  const entries = allEntries(root).flatMap(({ source }) => all.exportedBy(source));
  const exported = new Set(entries.filter(({ comment }) => !comment.includes('@internal')));
  const problems = [...exported].flatMap((one) => [
    ...unexplained(one),
    ...untoldErrors(all, one),
    ...timesWithoutUnit(all, one),
    ...(/Options$/.test(one.name) ? types.ownOf(one.name).flatMap(optionProblems(one)) : []),
  ]);
  return { problems, summary: `${exported.size} exports are explained` };
}

function problem(source: SourceFile, { start }: SyntaxNode, message: string): Problem {
  return { file: source.path, line: lineOf(source.text, start), message };
}

function unexplained({ name, source, node, comment }: Declared): Problem[] {
  if (wordsOf(comment) !== '') return [];
  return [problem(source, node, `${name} has no sentence that says what it is`)];
}

function untoldErrors(all: Declarations, { source, node: owner, ...one }: Declared): Problem[] {
  return all.callables({ source, node: owner, ...one }).flatMap(({ name, node, code, comment }) => {
    const thrown = thrownBy(all, code, { source, owner }).filter(
      ({ className, code: of }) =>
        !comment.includes(className) &&
        !(of !== '' && comment.includes(of)) &&
        !isOfOptions(className, code, source) &&
        !(className === 'OptionError' && name.startsWith('new ')),
    );
    if (thrown.length === 0) return [];
    const said = [...new Set(thrown.map(({ className, code: of }) => `${className} ${of}`.trim()))];
    return [
      problem(source, node, `${name} throws ${said.join(', ')}, and does not say so: @throws`),
    ];
  });
}

/** A time as a number has its unit in its name or comment. */
function timesWithoutUnit(all: Declarations, declared: Declared): Problem[] {
  const { source, node: owner, comment } = declared;
  const properties = publicMembers(owner).filter(({ type }) => /^(?:TS)?Property/.test(type));
  const times = properties.filter((node) => isTime(source, node, nameOf(node['key'])));
  const said = times.map((node) => ({
    name: `${declared.name}.${nameOf(node['key'])}`,
    node,
    words: `${comment} ${all.commentOf(source, owner, node)}`,
  }));
  const called = all.callables(declared).flatMap(({ name, node, code, comment: words }) =>
    paramsOf(code)
      .filter((param) => isTime(source, param, nameOf(param) || nameOf(param['left'])))
      .map((param) => ({
        name: `${name}(${nameOf(param) || nameOf(param['left'])})`,
        node,
        words,
      })),
  );
  return [...said, ...called].flatMap(({ name, node, words }) =>
    TIME_UNIT.test(words) ? [] : [problem(source, node, `${name} is a time without a unit`)],
  );
}

function isTime(source: SourceFile, { start, end }: SyntaxNode, name: string): boolean {
  return TIME_NAME.test(name) && /^[^=(]*:\s*number\b/.test(source.text.slice(start, end));
}

function optionProblems({ name: owner, comment }: Declared): (option: Option) => Problem[] {
  return ({ name, file, line, type, words, standard, isRequired }) => {
    const problems: Problem[] = [];
    const isNumber = /\bnumber\b/.test(type.replace(/\([^)]*\) =>.*/, ''));
    const isCount = UNIT.test(`${words} ${standard ?? ''}`) || COUNTED.test(words);
    if (isNumber && !UNIT_NAME.test(name) && !isCount && !/each number/.test(comment))
      problems.push({ file, line, message: `${owner}.${name} has no unit` });
    // Who observes nothing and cancels nothing gives none.
    const isTold =
      standard !== undefined || WITHOUT.test(words) || /^(?:on[A-Z]|signal$)/.test(name);
    if (!isRequired && !isTold)
      problems.push({
        file,
        line,
        message: `${owner}.${name} does not say what happens without it: @default`,
      });
    return problems;
  };
}
