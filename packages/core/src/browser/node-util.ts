// Takes the place of `node:util` in a page: what channels and handlers use of it.

interface Shown {
  readonly maxStringLength?: number;
}

/** As Node shows an error without its stack. */
function errorText({ name, message, code: given }: Error & { readonly code?: unknown }): string {
  const code = given === undefined ? '' : ` [${String(given)}]`;
  return `[${name}${code}: ${message}]`;
}

/** JSON would leave out what is in a Map or a Set. */
function named(value: object): object {
  if (value instanceof Map) return { Map: [...value] };
  return value instanceof Set ? { Set: [...value] } : value;
}

/** A value in a line of a log, as JSON. */
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

/** A page has no errors of the system. */
export function getSystemErrorName(status: number): string {
  return `errno ${status}`;
}
