/** Size at which measuring stops, so that a value with cycles is not measured forever. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Size of each value in addition to its text, as codecs count it. `[]` takes three bytes of a text and 67 bytes of memory. */
const VALUE_BYTES = 64;

/**
 * Returns what a value counts: about its length as JSON, and 64 bytes for each text, number, key, array and object, without making
 * the text. In memory, the value takes at most four times as much.
 */
export function jsonSize(value: unknown): number {
  const open: unknown[] = [value];
  let size = 0;
  while (open.length > 0 && size < MAX_BYTES) {
    const each = open.pop();
    if (typeof each === 'string') size += each.length + 2 + VALUE_BYTES;
    else if (typeof each !== 'object' || each === null) size += 1 + VALUE_BYTES;
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
    return 1 + Math.max(1, value.length) + VALUE_BYTES;
  }
  let size = 1;
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined || typeof member === 'function') continue;
    size += name.length + 4 + VALUE_BYTES;
    open.push(member);
  }
  return Math.max(2, size) + VALUE_BYTES;
}
