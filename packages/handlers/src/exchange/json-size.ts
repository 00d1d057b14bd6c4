/** Size at which measuring stops, so that a value with cycles is not measured forever. */
const MOST = 16 * 1024 * 1024;

/**
 * Returns about the length of a value as JSON, and never more, without making the text. A text counts its characters, and a
 * number or another small value counts 1. Members and elements also count their separators.
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

/** Calls `toJSON` once, as `JSON.stringify` does, because `toJSON` may return its own object. */
function plainOf(value: object): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value) : value;
}

/** Returns the size without the members, and adds the members to the values to measure. */
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
