import { format, inspect } from 'node:util';

/** A line as Node's console prints it: texts as they are, the rest inspected. */
export function asPrinted(values: readonly unknown[]): string {
  const [first] = values;
  if (typeof first === 'string' && first.includes('%')) return format(...values);
  return values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ');
}
