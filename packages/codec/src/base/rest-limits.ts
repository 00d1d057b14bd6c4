import { checkNumber, checkTime } from '@headrace/core/authoring';

const DEFAULTS = {
  frameTimeoutMs: 15_000,
  maxBufferedBytes: Number.POSITIVE_INFINITY,
  copyBelowBytes: false,
} as const;

/**
 * How long and how large what a decoder has left over may be, and what is copied of it, checked. A server makes the same decoders for
 * each of its connections: those with the same limits share one of these.
 */
export class RestLimits {
  private static last: RestLimits | undefined = undefined;

  /** `Infinity` for ever. */
  readonly frameTimeoutMs: number;
  readonly maxBufferedBytes: number;
  /** 0 for nothing. */
  readonly copyBelowBytes: number;

  private constructor(frameTimeoutMs: number, maxBufferedBytes: number, copyBelowBytes: number) {
    this.frameTimeoutMs = frameTimeoutMs;
    this.maxBufferedBytes = maxBufferedBytes;
    this.copyBelowBytes = copyBelowBytes;
  }

  /** The options of which they were made. */
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

  /** The one that was made last, if it is the same. */
  static of(
    frameTimeoutMs: number | false = DEFAULTS.frameTimeoutMs,
    maxBufferedBytes: number = DEFAULTS.maxBufferedBytes,
    copyBelowBytes: number | false = DEFAULTS.copyBelowBytes,
  ): RestLimits {
    const timeoutMs = checkTime('frameTimeoutMs', frameTimeoutMs);
    checkNumber('maxBufferedBytes', maxBufferedBytes, { integer: true });
    const copied =
      copyBelowBytes === false
        ? 0
        : checkNumber('copyBelowBytes', copyBelowBytes, { min: 1, integer: true });
    const last = RestLimits.last;
    const isSame = last?.frameTimeoutMs === timeoutMs && last.maxBufferedBytes === maxBufferedBytes;
    if (isSame && last.copyBelowBytes === copied) return last;
    RestLimits.last = new RestLimits(timeoutMs, maxBufferedBytes, copied);
    return RestLimits.last;
  }
}
