/** Returns an error of Node's Buffer, with its code. */
export function outOfRange(name: string, wanted: string, got: number | bigint): RangeError {
  const text = `The value of "${name}" is out of range. It must be ${wanted}. Received ${got}`;
  return Object.assign(new RangeError(text), { code: 'ERR_OUT_OF_RANGE' });
}

export function invalidType(name: string, wanted: string, got: unknown): TypeError {
  const text = `The "${name}" argument must be ${wanted}. Received ${got === null ? 'null' : typeof got}`;
  return Object.assign(new TypeError(text), { code: 'ERR_INVALID_ARG_TYPE' });
}

export function checkNumber(name: string, value: unknown): void {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
}

/** Checks for an integer from 0 to `most`. */
export function checkPlace(name: string, value: number, most = Number.MAX_SAFE_INTEGER): void {
  checkNumber(name, value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < 0 || value > most) throw outOfRange(name, `>= 0 && <= ${most}`, value);
}
