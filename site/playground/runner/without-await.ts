// Rewrites async functions as generators, whose awaits are callbacks of promises: only those can be followed
// (`shims/async-hooks.ts`). No line moves. Async generators stay as they are, and functions with
// `for await` or `await using`.
import { parser } from '@lezer/javascript';

interface Edit {
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
}

/** A function, or the whole sample. */
interface Scope {
  isKept: boolean;
  readonly edits: Edit[];
}

type Node = ReturnType<typeof parser.parse>['topNode'];

const RUN = 'runSteps';
const insert = (at: number, inserted: string): Edit => ({ at, removed: 0, inserted });
const replace = ({ from, to }: Node, inserted: string): Edit => ({
  at: from,
  removed: to - from,
  inserted,
});

/** Runs the steps of what was an async function. */
export function runSteps<T>(
  self: unknown,
  args: ArrayLike<unknown>,
  body: (...args: unknown[]) => Generator<unknown, T, unknown>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const steps = body.apply(self, args as unknown[]);
    const go = (step: () => IteratorResult<unknown, T>): void => {
      try {
        const { done, value } = step();
        if (done === true) resolve(value);
        else {
          Promise.resolve(value).then(
            (result) => go(() => steps.next(result)),
            (error) => go(() => steps.throw(error)),
          );
        }
      } catch (error) {
        reject(error);
      }
    };
    go(() => steps.next());
  });
}

/**
 * The body of a plain function that gets {@link runSteps} by its name, and returns a promise; `undefined` if the code has
 * a `for await` or `await using` outside functions.
 */
export function withoutAwait(code: string): string | undefined {
  const all: Scope = { isKept: false, edits: [] };
  visit(parser.parse(code).topNode, all);
  if (all.isKept) return undefined;
  let body = '';
  let at = 0;
  for (const edit of all.edits.sort((a, b) => a.at - b.at)) {
    body += code.slice(at, edit.at) + edit.inserted;
    at = edit.at + edit.removed;
  }
  return `return ${RUN}(this, [], function* () {${body}${code.slice(at)}\n});`;
}

function visit(node: Node, scope: Scope): void {
  const parts = childrenOf(node);
  if (node.name === 'AwaitExpression') {
    // A line that began with a bracket would go on with the line above.
    const isStatement = node.parent?.name === 'ExpressionStatement';
    scope.edits.push(replace(parts[0]!, isStatement ? 'yield' : '(yield'));
    for (const one of parts.slice(1)) visit(one, scope);
    if (!isStatement) scope.edits.push(insert(node.to, ')'));
    return;
  }
  // `for await`, `await using`
  if (parts.some(({ name }) => name === 'await')) scope.isKept = true;
  if (!parts.some(({ name }) => name === 'ParamList')) {
    for (const one of parts) visit(one, scope);
    return;
  }
  const inner: Scope = { isKept: parts.some(({ name }) => name === 'Star'), edits: [] };
  const keyword = parts.find(({ name }) => name === 'async');
  const body = parts.at(-1)!;
  if (keyword !== undefined) {
    inner.edits.push(replace(keyword, ''));
    const args = node.name === 'ArrowFunction' ? '[]' : 'arguments';
    const begin = `${RUN}(this, ${args}, function* () {`;
    const isBlock = body.name === 'Block';
    inner.edits.push(
      isBlock ? insert(body.from + 1, `return ${begin}`) : insert(body.from, `${begin}return (`),
    );
    for (const one of parts) visit(one, inner);
    inner.edits.push(isBlock ? insert(body.to - 1, '})') : insert(body.to, ')})'));
    // Of a function that stays, functions within it stay, too.
    if (inner.isKept) return;
  } else for (const one of parts) visit(one, inner);
  scope.edits.push(...inner.edits);
}

function childrenOf(node: Node): Node[] {
  const found: Node[] = [];
  for (let one = node.firstChild; one !== null; one = one.nextSibling) found.push(one);
  return found;
}
