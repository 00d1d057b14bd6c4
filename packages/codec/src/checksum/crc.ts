/**
 * Returns the checksum of bytes.
 *
 * @param previous - the checksum of the bytes before these, to continue it; without it, the checksum begins
 */
export type Crc = (bytes: Uint8Array, previous?: number) => number;

/** The parameters of a checksum, as the catalogue of parametrised CRC algorithms names them. */
interface CrcParameters {
  /** In bits. */
  readonly width: 8 | 16 | 32;
  readonly poly: number;
  readonly init: number;
  /** Whether the lowest bit of each byte comes first (`refin` and `refout`). */
  readonly isReflected: boolean;
  readonly xorout: number;
}

/** CRC-8 (CRC-8/SMBUS). The checksum of `123456789` is 0xf4. */
export const crc8: Crc = crcOf({ width: 8, poly: 0x07, init: 0, isReflected: false, xorout: 0 });

/** CRC-16/X-25 (CRC-16/IBM-SDLC), the checksum of HDLC, PPP and V.42. The checksum of `123456789` is 0x906e. */
export const crc16X25: Crc = crcOf({
  width: 16,
  poly: 0x1021,
  init: 0xffff,
  isReflected: true,
  xorout: 0xffff,
});

/** CRC-16/CCITT-FALSE (CRC-16/IBM-3740). The checksum of `123456789` is 0x29b1. */
export const crc16CcittFalse: Crc = crcOf({
  width: 16,
  poly: 0x1021,
  init: 0xffff,
  isReflected: false,
  xorout: 0,
});

/** CRC-16/MODBUS. The checksum of `123456789` is 0x4b37. */
export const crc16Modbus: Crc = crcOf({
  width: 16,
  poly: 0x8005,
  init: 0xffff,
  isReflected: true,
  xorout: 0,
});

/**
 * CRC-32 (CRC-32/ISO-HDLC), the checksum of Ethernet, gzip and PNG. The checksum of `123456789` is 0xcbf43926. In Node 22 and newer,
 * `crc32` of `node:zlib` is faster for long messages.
 */
export const crc32: Crc = crcOf({
  width: 32,
  poly: 0x04c1_1db7,
  init: 0xffff_ffff,
  isReflected: true,
  xorout: 0xffff_ffff,
});

/** CRC-32C (CRC-32/ISCSI), the checksum of headers of the PROXY protocol. The checksum of `123456789` is 0xe3069283. */
export const crc32c: Crc = crcOf({
  width: 32,
  poly: 0x1edc_6f41,
  init: 0xffff_ffff,
  isReflected: true,
  xorout: 0xffff_ffff,
});

function crcOf(parameters: CrcParameters): Crc {
  const { width, init, isReflected, xorout } = parameters;
  const mask = width === 32 ? -1 : (1 << width) - 1;
  const top = width - 8;
  let made: Int32Array | undefined;
  return (bytes, previous = init ^ xorout) => {
    made ??= tableOf(parameters);
    const table = made;
    let crc = previous ^ xorout;
    const { length } = bytes;
    if (isReflected) {
      for (let at = 0; at < length; at++) crc = table[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
    } else {
      for (let at = 0; at < length; at++) {
        crc = table[((crc >>> top) ^ bytes[at]!) & 0xff]! ^ ((crc << 8) & mask);
      }
    }
    return ((crc ^ xorout) & mask) >>> 0;
  };
}

/** The checksum of each byte alone. */
function tableOf({ width, poly, isReflected }: CrcParameters): Int32Array {
  const table = new Int32Array(256);
  const shift = 32 - width;
  const reflected = isReflected ? reflect(poly, width) : 0;
  for (let byte = 0; byte < 256; byte++) {
    let crc = isReflected ? byte : byte << 24;
    for (let bit = 0; bit < 8; bit++) {
      if (isReflected) crc = crc & 1 ? (crc >>> 1) ^ reflected : crc >>> 1;
      else crc = crc < 0 ? (crc << 1) ^ (poly << shift) : crc << 1;
    }
    table[byte] = isReflected ? crc : crc >>> shift;
  }
  return table;
}

/** Returns a number with its bits in the opposite order. */
function reflect(value: number, width: number): number {
  let reflected = 0;
  for (let bit = 0; bit < width; bit++) if (value & (1 << bit)) reflected |= 1 << (width - 1 - bit);
  return reflected;
}
