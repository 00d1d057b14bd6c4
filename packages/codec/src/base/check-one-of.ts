import { OptionError } from '@headrace/core';

/** Returns the value, or throws an {@link OptionError} that lists what is allowed. */
export function checkOneOf<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  const names = allowed.map(quoted);
  const last = names.pop();
  const given = typeof value === 'string' ? quoted(value) : String(value);
  throw new OptionError(
    'OPTION_INVALID',
    `${option} is ${given}, but must be ${names.join(', ')} or ${last}`,
    { option, value: String(value) },
  );
}

function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('"', "'");
}
