import { OptionError } from '@headrace/core';
import { custom, whole } from '@headrace/core/authoring';

/** The bytes of a framing by flags, the same for the decoder and the encoder. */
export interface FlagFraming {
  /** Byte that begins and ends each frame. @default 0x7e */
  readonly flag?: number;
  /** Byte that precedes a byte which was replaced. @default 0x7d */
  readonly escape?: number;
  /**
   * The replacement of the flag and of the escape within a frame. A number is combined with the byte by XOR, as in HDLC and PPP.
   * A list of pairs names each replaced byte and the byte that follows the escape in its place. JT/T 808 has
   * `[[0x7e, 0x02], [0x7d, 0x01]]`. A list can replace more bytes than the flag and the escape, and must contain these two.
   * @default 0x20
   */
  readonly transposition?: number | readonly (readonly [byte: number, code: number])[];
}

type Given = NonNullable<FlagFraming['transposition']>;

const ALLOWED = 'a number from 1 to 255, or a list of pairs of bytes, such as [[0x7e, 0x02]]';

export const FLAG_FRAMING = {
  flag: whole({ max: 255, default: 0x7e }),
  escape: whole({ max: 255, default: 0x7d }),
  transposition: custom(ALLOWED, transpositionOf, { default: 0x20 as Given }),
};

/** No code, or no byte, in a table of {@link Transposition}. */
export const NONE = -1;

/** The tables of a framing. Each has one entry for each byte. */
export class Transposition {
  /** The tables that were used last, for the next channel of the same protocol. */
  private static last: Transposition | undefined = undefined;
  readonly flag: number;
  readonly escape: number;
  /** Identifies the framing among the keys of broadcasts. */
  readonly key: string;
  /** The code that replaces a byte, or {@link NONE} for a byte that stays. */
  readonly codes: Int16Array = new Int16Array(256).fill(NONE);
  /** The byte that a code stands for, or {@link NONE} for an unknown code. */
  readonly bytes: Int16Array = new Int16Array(256).fill(NONE);

  private constructor(key: string, framing: Required<FlagFraming>) {
    const { flag, escape: escapeByte, transposition: given } = framing;
    this.flag = flag;
    this.escape = escapeByte;
    this.key = key;
    if (flag === escapeByte) throw conflict('escape', flag, 'be another byte than flag');
    if (typeof given === 'number') this.combine(given);
    else for (const [byte, code] of given) this.replace(byte, code);
    for (const byte of [flag, escapeByte]) {
      const code = this.codes[byte];
      if (code === NONE) throw conflict('transposition', `${given}`, `replace the byte ${byte}`);
      // An escape before a flag aborts the frame.
      if (code === flag) throw conflict('transposition', `${given}`, 'replace no byte by the flag');
    }
  }

  /** Returns the tables of a framing. Throws an {@link OptionError} if its bytes do not fit each other. */
  static of(framing: Required<FlagFraming>): Transposition {
    const key = `${framing.flag}:${framing.escape}:${framing.transposition}`;
    if (Transposition.last?.key !== key) Transposition.last = new Transposition(key, framing);
    return Transposition.last;
  }

  private combine(mask: number): void {
    for (let code = 0; code < 256; code++) this.bytes[code] = code ^ mask;
    for (const byte of [this.flag, this.escape]) this.codes[byte] = byte ^ mask;
  }

  private replace(byte: number, code: number): void {
    const isKnown = this.codes[byte] !== NONE || this.bytes[code] !== NONE;
    if (isKnown) throw conflict('transposition', `${byte},${code}`, 'name each byte and code once');
    if (code === this.flag)
      throw conflict('transposition', `${byte},${code}`, 'replace no byte by the flag');
    this.codes[byte] = code;
    this.bytes[code] = byte;
  }
}

function conflict(option: string, value: number | string, must: string): OptionError {
  const text = `${option} is ${value}, but must ${must}`;
  return new OptionError('OPTION_CONFLICT', text, { option, value });
}

/** Returns the option, or throws an {@link OptionError}. */
function transpositionOf(option: string, given: Given): Given {
  const isNumber = typeof given === 'number' && isByte(given) && given > 0;
  if (isNumber || (Array.isArray(given) && given.length > 0 && given.every(isPair))) return given;
  const value = JSON.stringify(given) ?? String(given);
  throw new OptionError('OPTION_INVALID', `${option} is ${value}, but must be ${ALLOWED}`, {
    option,
    value,
  });
}

function isPair(pair: unknown): boolean {
  return Array.isArray(pair) && pair.length === 2 && pair.every(isByte);
}

function isByte(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}
