import { RespError, type RespInput } from '@headrace/resp';
import type { Session } from '../session.ts';

/** One command: how many arguments it takes, and what it answers; `undefined` if it answered by itself. */
export interface Command {
  readonly min: number;
  /** @default min */
  readonly max?: number;
  /** The server keeps something for it: refused while its memory is full. */
  readonly keeps?: true;
  run(session: Session, args: readonly Buffer[]): RespInput | undefined;
}

/** Commands by their names in lower case. */
export type CommandTable = Readonly<Record<string, Command>>;

export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';
const INTEGER = /^-?(?:0|[1-9]\d{0,18})$/;
const MAX_INT64 = 2n ** 63n - 1n;

/** Bytes as a key: Latin-1 keeps each byte. */
export function keyOf(bytes: Buffer): string {
  return bytes.toString('latin1');
}

/** A signed 64-bit number in decimal, `undefined` if the bytes are none. */
export function integerOf(bytes: Buffer): bigint | undefined {
  const text = bytes.toString('latin1');
  if (!INTEGER.test(text) || text === '-0') return undefined;
  const value = BigInt(text);
  return value > MAX_INT64 || value < -MAX_INT64 - 1n ? undefined : value;
}

/** True if one more would be too many. */
export function isLargest(value: bigint): boolean {
  return value === MAX_INT64;
}

export function syntaxError(): RespError {
  return new RespError('ERR syntax error');
}
