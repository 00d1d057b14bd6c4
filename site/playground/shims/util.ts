import { deepStrictEqual } from '@jspm/core/nodelibs/assert';
import util from '@jspm/core/nodelibs/util';

export * from '@jspm/core/nodelibs/util';

export function isDeepStrictEqual(a: unknown, b: unknown): boolean {
  try {
    deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

export const getSystemErrorName = (code: number): string => `Unknown system error ${code}`;
export const stripVTControlCharacters = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about control characters
  text.replace(/\u001B\[[0-9;]*[A-Za-z]/g, '');
export default {
  ...(util as object),
  getSystemErrorName,
  isDeepStrictEqual,
  stripVTControlCharacters,
};
