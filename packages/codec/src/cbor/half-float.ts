const FRACTION = 2 ** 10;
const SMALLEST = 2 ** -24;
const LARGEST_EXPONENT = 31;
const BIAS = 15;
const INFINITY = 0x7c00;
const NEGATIVE = 0x8000;
/** Bits of the fraction of a number of 32 bits that have no place in a number of 16 bits. */
const LOST_BITS = 13;

const single = new DataView(new ArrayBuffer(4));

/** Returns the number with these 16 bits. */
export function fromHalf(bits: number): number {
  const exponent = (bits >> 10) & LARGEST_EXPONENT;
  const fraction = bits & (FRACTION - 1);
  let value: number;
  if (exponent === 0) value = fraction * SMALLEST;
  else if (exponent === LARGEST_EXPONENT)
    value = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  else value = (1 + fraction / FRACTION) * 2 ** (exponent - BIAS);
  return bits >= NEGATIVE ? -value : value;
}

/** Returns the 16 bits of a number that is exact in 32 bits, or -1 if it is not exact in 16 bits. */
export function toHalf(value: number): number {
  single.setFloat32(0, value);
  const bits = single.getUint32(0);
  const sign = (bits >>> 16) & NEGATIVE;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const fraction = bits & 0x7fffff;
  if (Math.abs(value) === Number.POSITIVE_INFINITY) return sign | INFINITY;
  if (value === 0) return sign;
  if (exponent > BIAS || exponent < -24) return -1;
  if (exponent > -BIAS) {
    const isExact = (fraction & ((1 << LOST_BITS) - 1)) === 0;
    return isExact ? sign | ((exponent + BIAS) << 10) | (fraction >> LOST_BITS) : -1;
  }
  // A number without an exponent of its own: a multiple of the smallest number.
  const multiple = Math.abs(value) / SMALLEST;
  return Number.isInteger(multiple) ? sign | multiple : -1;
}
