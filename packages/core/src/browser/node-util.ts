// Replaces the parts of `node:util` that channels and handlers use, in a page.

interface Shown {
  readonly maxStringLength?: number;
}

/** Describes an error without its stack, as Node does. */
function errorText({ name, message, code: given }: Error & { readonly code?: unknown }): string {
  const code = given === undefined ? '' : ` [${String(given)}]`;
  return `[${name}${code}: ${message}]`;
}

/** Converts a Map or a Set, whose entries JSON would leave out. */
function named(value: object): object {
  if (value instanceof Map) return { Map: [...value] };
  return value instanceof Set ? { Set: [...value] } : value;
}

/** Describes a value for a log line, as JSON. */
function text(value: unknown, { maxStringLength = 10_000 }: Shown = {}): string {
  if (value instanceof Error) return errorText(value).slice(0, maxStringLength);
  const seen = new Set<unknown>();
  const shown = JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one === 'bigint' || typeof one === 'symbol' || typeof one === 'function') {
      return String(one);
    }
    if (typeof one !== 'object' || one === null) return one;
    if (one instanceof Error) return errorText(one);
    if (seen.has(one)) return '…';
    seen.add(one);
    return named(one);
  });
  return (shown ?? String(value)).slice(0, maxStringLength);
}

export const inspect = /* @__PURE__ */ Object.assign(text, {
  custom: Symbol.for('nodejs.util.inspect.custom'),
});

/** Describes a status, because a page has no system errors. */
export function getSystemErrorName(status: number): string {
  return `errno ${status}`;
}
