import { checkNumber, checkTime } from '@headrace/core/authoring';

const DEFAULTS = {
  frameTimeoutMs: 15_000,
  maxBufferedBytes: Number.POSITIVE_INFINITY,
  copyBelowBytes: false,
} as const;

/**
 * For how long and how many bytes a decoder may keep, and what it copies, checked. A server makes the same
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

  /** The options that they were made from. */
  get options(): {
    readonly frameTimeoutMs: number | false;
    readonly maxBufferedBytes: number;
    readonly copyBelowBytes: number | false;
  } {
    const { frameTimeoutMs, maxBufferedBytes, copyBelowBytes } = this;
    return {
      frameTimeoutMs: Number.isFinite(frameTimeoutMs) && frameTimeoutMs,
      maxBufferedBytes,
      copyBelowBytes: copyBelowBytes > 0 && copyBelowBytes,
    };
  }

  /** The limits that were made last, if they are equal. */
  static of(
    frameTimeoutMs: number | false = DEFAULTS.frameTimeoutMs,
    maxBufferedBytes: number = DEFAULTS.maxBufferedBytes,
    copyBelowBytes: number | false = DEFAULTS.copyBelowBytes,
  ): LeftoverLimits {
    const timeoutMs = checkTime('frameTimeoutMs', frameTimeoutMs);
    checkNumber('maxBufferedBytes', maxBufferedBytes, { integer: true });
    const copied =
      copyBelowBytes === false
        ? 0
        : checkNumber('copyBelowBytes', copyBelowBytes, { min: 1, integer: true });
    const last = LeftoverLimits.last;
    const isSame = last?.frameTimeoutMs === timeoutMs && last.maxBufferedBytes === maxBufferedBytes;
    if (isSame && last.copyBelowBytes === copied) return last;
    LeftoverLimits.last = new LeftoverLimits(timeoutMs, maxBufferedBytes, copied);
    return LeftoverLimits.last;
  }
}
