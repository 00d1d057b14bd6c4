import { checkNumber, custom } from '@headrace/core/authoring';

/** A size, or `false` to copy nothing, which becomes 0. */
export const COPY_BELOW = custom(
  'a whole number from 1 to Infinity, or false for off',
  (name, bytes: number | false) =>
    bytes === false ? 0 : checkNumber(name, bytes, { min: 1, integer: true }),
  { default: false },
  true,
);

/**
 * For how long and how many bytes a decoder may keep, and what it copies. A server makes the same
 * decoders for each of its connections: decoders with equal limits share one object.
 */
export class LeftoverLimits {
  private static last: LeftoverLimits | undefined = undefined;

  /** `Infinity` for no limit. */
  readonly frameTimeoutMs: number;
  readonly maxBufferedBytes: number;
  /** 0 to copy nothing. */
  readonly copyBelowBytes: number;

  private constructor(frameTimeoutMs: number, maxBufferedBytes: number, copyBelowBytes: number) {
    this.frameTimeoutMs = frameTimeoutMs;
    this.maxBufferedBytes = maxBufferedBytes;
    this.copyBelowBytes = copyBelowBytes;
  }

  /** The limits that were made last, if they are equal. */
  static of(given: LeftoverLimits): LeftoverLimits {
    const { frameTimeoutMs, maxBufferedBytes, copyBelowBytes } = given;
    const last = LeftoverLimits.last;
    const isSame =
      last?.frameTimeoutMs === frameTimeoutMs && last.maxBufferedBytes === maxBufferedBytes;
    if (isSame && last.copyBelowBytes === copyBelowBytes) return last;
    LeftoverLimits.last = new LeftoverLimits(frameTimeoutMs, maxBufferedBytes, copyBelowBytes);
    return LeftoverLimits.last;
  }
}
