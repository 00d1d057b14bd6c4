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

/** A value in an error text; that of a class or function would be its whole source. */
export function notHandlerText(value: unknown): string {
  return typeof value === 'function'
    ? `the function or class ${value.name || '(without a name)'}`
    : String(value);
}
