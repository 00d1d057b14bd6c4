/** More is as much: what has cycles is not measured for ever. */
const MOST = 16 * 1024 * 1024;

/**
 * About the length of a value as JSON, and never more: without its text being made. Texts count their characters, numbers
 * and other small values one, members and elements their separators.
 */
export function jsonSize(value: unknown): number {
  const open: unknown[] = [value];
  let size = 0;
  while (open.length > 0 && size < MOST) {
    const each = open.pop();
    if (typeof each === 'string') size += each.length + 2;
    else if (typeof each !== 'object' || each === null) size += 1;
    else {
      const plain = plainOf(each);
      if (typeof plain === 'object' && plain !== null) size += sizeAround(plain, open);
      else open.push(plain);
    }
  }
  return size;
}

/** `toJSON` is called once, as `JSON.stringify` does: it may return its own object. */
function plainOf(value: object): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value) : value;
}

/** The size without its members, which are to be measured, too. */
function sizeAround(value: object, open: unknown[]): number {
  if (Array.isArray(value)) {
    for (const element of value) open.push(element);
    return 1 + Math.max(1, value.length);
  }
  let size = 1;
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined || typeof member === 'function') continue;
    size += name.length + 4;
    open.push(member);
  }
  return Math.max(2, size);
}
