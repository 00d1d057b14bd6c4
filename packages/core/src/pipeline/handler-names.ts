import { isClass } from '../call/is-class.ts';
import type { Handler } from '../contract.ts';

/** The first generated name of each class. All channels share the string. */
const firstNames = new WeakMap<object, string>();

/** Returns the name of a handler's class, for generated names and error texts. */
export function classOf(handler: unknown): string {
  const name = (handler as Handler | null | undefined)?.constructor?.name;
  return typeof name !== 'string' || name === 'Object' || name === '' ? 'Handler' : name;
}

/** Returns the name of the first unnamed handler of a class in a pipeline. */
export function firstNameOf(handler: Handler): string {
  const type = handler.constructor;
  if (typeof type !== 'function' || type === Object) return 'Handler#0';
  let name = firstNames.get(type);
  if (name === undefined) {
    name = `${classOf(handler)}#0`;
    firstNames.set(type, name);
  }
  return name;
}

/** Returns the name of a further handler: the class, `#` and the lowest number that is not in `names`. */
export function nextName(first: string, names: readonly string[]): string {
  const prefix = first.slice(0, -1);
  const numbers = new Set<number>();
  for (const name of names) {
    if (name.startsWith(prefix)) numbers.add(Number(name.slice(prefix.length)));
  }
  let number = 1;
  while (numbers.has(number)) number += 1;
  return `${prefix}${number}`;
}

/** Returns the error text for a name with several handlers. The second handler would be lost. */
export function nameForOneText(name: string): string {
  return `the name "${name}" is for one handler; add each by a call of its own: addLast("${name}", handler)`;
}

/** Returns the error text for a value that is not a handler, with the correct call: `addLast(new …)` or another call. */
export function notHandlerText(value: unknown, call: string = 'addLast'): string {
  if (Array.isArray(value)) return 'an array is not a handler; spread it: addLast(...handlers)';
  if (isClass(value)) {
    const name = value.name || '(without a name)';
    return `the class ${name} is not a handler; make one of it: ${call}(new ${name}(…))`;
  }
  if (typeof value !== 'function') return `${shown(value)} is not a handler`;
  const name = value.name || '(without a name)';
  return `the function ${name} is not a handler; if it makes one, call it: ${call}(${name}(…))`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
