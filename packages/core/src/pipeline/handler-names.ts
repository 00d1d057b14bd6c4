import { isClass } from '../call/is-class.ts';
import type { Handler } from '../contract.ts';

/** The first generated name of each class: all channels share the string. */
const firstNames = new WeakMap<object, string>();

/** A handler's class, for generated names and for error texts. */
export function classOf(handler: unknown): string {
  const name = (handler as Handler | null | undefined)?.constructor?.name;
  return typeof name !== 'string' || name === 'Object' || name === '' ? 'Handler' : name;
}

/** The name of a class's first handler in a pipeline that was given none. */
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

/** The name of a further one: the class, `#` and the lowest number that is not among these names. */
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

/** A name with several handlers: the second would be dropped. */
export function nameForOneText(name: string): string {
  return `the name "${name}" is for one handler; add each by a call of its own: addLast("${name}", handler)`;
}

/** Why a value is not a handler, and what to write in its place: `addLast(new …)`, or another call. */
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
