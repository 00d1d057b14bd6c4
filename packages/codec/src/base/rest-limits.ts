import { checkNumber, checkTime } from '@headrace/core';

const DEFAULTS = { frameTimeoutMs: 15_000, maxBufferedBytes: Number.POSITIVE_INFINITY } as const;

/**
 * How long and how large what a decoder has left over may be, checked. A server makes the same decoders for
 * each of its connections: those with the same limits share one of these.
 */
export class RestLimits {
  private static last: RestLimits | undefined = undefined;

  /** `Infinity` for ever. */
  readonly frameTimeoutMs: number;
  readonly maxBufferedBytes: number;

  private constructor(frameTimeoutMs: number, maxBufferedBytes: number) {
    this.frameTimeoutMs = frameTimeoutMs;
    this.maxBufferedBytes = maxBufferedBytes;
  }

  /** The options of which they were made. */
  get options(): { readonly frameTimeoutMs: number | false; readonly maxBufferedBytes: number } {
    const { frameTimeoutMs, maxBufferedBytes } = this;
    return { frameTimeoutMs: Number.isFinite(frameTimeoutMs) && frameTimeoutMs, maxBufferedBytes };
  }

  /** The one that was made last, if it is the same. */
  static of(
    frameTimeoutMs: number | false = DEFAULTS.frameTimeoutMs,
    maxBufferedBytes: number = DEFAULTS.maxBufferedBytes,
  ): RestLimits {
    const timeoutMs = checkTime('frameTimeoutMs', frameTimeoutMs);
    checkNumber('maxBufferedBytes', maxBufferedBytes, { integer: true });
    const last = RestLimits.last;
    const isSame = last?.frameTimeoutMs === timeoutMs && last.maxBufferedBytes === maxBufferedBytes;
    if (isSame) return last;
    RestLimits.last = new RestLimits(timeoutMs, maxBufferedBytes);
    return RestLimits.last;
  }
}
