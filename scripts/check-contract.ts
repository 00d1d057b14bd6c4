// What the contract between channels, handlers and transports forbids, and no type can:
// - `autoRead` belongs to the application. Library code that wants fewer reads holds them.
// - Bootstraps know a transport by its contract, never by its class, so that one written by somebody else works.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn, lineOf, readSource, type SyntaxNode } from './source-file.ts';

interface Rule {
  /** Every file that breaks the rule has this text. */
  readonly text: string;
  readonly appliesTo: (file: string) => boolean;
  /** What is wrong with a node. */
  readonly problem: (node: SyntaxNode) => string | undefined;
}

function nameOf(node: unknown): string | undefined {
  const { name, value } = node as { name?: unknown; value?: unknown };
  return typeof name === 'string' ? name : typeof value === 'string' ? value : undefined;
}

const RULES: readonly Rule[] = [
  {
    text: 'autoRead',
    // The channel has it, and the test kit stands for the application.
    appliesTo: (file) => !/^packages\/core\/src\/(channel|testing)\//.test(file),
    problem: ({ type, left }) => {
      if (type !== 'AssignmentExpression') return undefined;
      const { type: kind, object, property } = left as SyntaxNode;
      if (kind !== 'MemberExpression' || nameOf(property) !== 'autoRead') return undefined;
      // A subclass of the channel hands the value on.
      if ((object as SyntaxNode).type === 'Super') return undefined;
      return 'sets autoRead, which belongs to the application: hold reads (holdReads) instead';
    },
  },
  {
    text: 'instanceof',
    appliesTo: (file) => file.startsWith('packages/core/src/bootstrap/'),
    problem: ({ type, operator, right }) => {
      if (type !== 'BinaryExpression' || operator !== 'instanceof') return undefined;
      const name = nameOf(right) ?? '';
      if (!name.endsWith('Transport')) return undefined;
      return `asks for the class ${name}: ask the transport's contract instead`;
    },
  },
];

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value;
}

function visit(value: unknown, see: (node: SyntaxNode) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see);
  } else if (isNode(value)) {
    see(value);
    for (const child of Object.values(value)) visit(child, see);
  }
}

function problemsIn(root: string, file: string, rules: readonly Rule[]): Problem[] {
  const { body, text } = readSource(root, file);
  const problems: Problem[] = [];
  visit(body, (node) => {
    for (const { problem } of rules) {
      const message = problem(node);
      if (message !== undefined) problems.push({ file, line: lineOf(text, node.start), message });
    }
  });
  return problems;
}

export function checkContract(root: string): CheckResult {
  const problems: Problem[] = [];
  const files = foldersIn(root, 'packages').flatMap((folder) =>
    filesBelow(root, `${folder}/src`, ['.ts']),
  );
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    const rules = RULES.filter((rule) => rule.appliesTo(file) && text.includes(rule.text));
    if (rules.length > 0) problems.push(...problemsIn(root, file, rules));
  }
  return {
    problems,
    summary: `${files.length} files leave autoRead and transports to their owners`,
  };
}
