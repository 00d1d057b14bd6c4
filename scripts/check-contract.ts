// What the contract between channels, handlers and transports forbids, and no type can:
// - `autoRead` belongs to the application. Library code that wants fewer reads holds them.
// - Time and turns of the event loop come from a `Clock`, and no clock is treated in a way of its own.
// - Bootstraps know a transport by its contract, never by its class, so that one written by somebody else works.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { lineOf, readSource, type SyntaxNode } from './source-file.ts';
import { sourcesIn } from './workspace.ts';

interface Rule {
  /** Every file that breaks the rule has one of these texts. */
  readonly texts: readonly string[];
  readonly appliesTo: (file: string) => boolean;
  /** What is wrong with a node. */
  readonly problem: (node: SyntaxNode) => string | undefined;
}

function nameOf(node: unknown): string | undefined {
  const { name, value } = node as { name?: unknown; value?: unknown };
  return typeof name === 'string' ? name : typeof value === 'string' ? value : undefined;
}

const TIME_AND_TURNS: ReadonlySet<string> = new Set([
  ...['setImmediate', 'setTimeout', 'setInterval', 'queueMicrotask', 'process.nextTick'],
  ...['Date.now', 'performance.now', 'process.hrtime', 'process.hrtime.bigint'],
]);

/** Files that wait for Node itself: for its sockets, streams, processes, and its real event loop. */
const AT_NODES_SIDE = [
  'packages/core/src/internal/system-clock.ts',
  'packages/core/src/internal/kernel-queue.ts',
  'packages/core/src/internal/stderr-logger.ts',
  'packages/core/src/transport/',
  'packages/core/src/stream/',
  'packages/core/src/testing/',
  'packages/websocket/src/server/request-intake.ts',
  'packages/websocket/src/socket/web-socket-transport.ts',
  'packages/cluster/src/workers/cluster-channel.ts',
  'packages/create-headrace/',
];

/** `a` or `a.b.c`, if the expression is that. */
function pathOf(node: SyntaxNode): string | undefined {
  if (node.type === 'Identifier') return nameOf(node);
  if (node.type !== 'MemberExpression') return undefined;
  const owner = pathOf(node['object'] as SyntaxNode);
  return owner === undefined ? undefined : `${owner}.${nameOf(node['property']) ?? ''}`;
}

const RULES: readonly Rule[] = [
  {
    texts: Array.from(TIME_AND_TURNS, (name) => name.split('.').at(-1)!),
    appliesTo: (file) => !AT_NODES_SIDE.some((place) => file.startsWith(place)),
    problem: (node) => {
      // `socket.setTimeout` is none of them.
      if (node.type === 'MemberExpression') return undefined;
      const paths = Object.values(node).flat().filter(isNode).map(pathOf);
      const path = paths.find((one) => one !== undefined && TIME_AND_TURNS.has(one));
      return path && `uses ${path}: time and turns of the event loop come from a Clock`;
    },
  },
  {
    texts: ['systemClock'],
    appliesTo: () => true,
    problem: ({ type, left, right }) => {
      if (type !== 'BinaryExpression') return undefined;
      if (![left, right].some((side) => nameOf(side) === 'systemClock')) return undefined;
      return 'compares a clock with systemClock: a branch that no test and no simulation runs';
    },
  },
  {
    texts: ['autoRead'],
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
    texts: ['instanceof'],
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
  const files = sourcesIn(root);
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    const rules = RULES.filter(
      (rule) => rule.appliesTo(file) && rule.texts.some((one) => text.includes(one)),
    );
    if (rules.length > 0) problems.push(...problemsIn(root, file, rules));
  }
  return {
    problems,
    summary: `${files.length} files leave autoRead, transports and time to their owners`,
  };
}
