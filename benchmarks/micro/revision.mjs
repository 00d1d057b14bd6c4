// The inner parts of core that benchmarks use, in the revision that is compared.
const core = '../../packages/core/dist';

/** A module of core; it may have stood elsewhere, or not have been there at all. */
export async function moduleOf(...places) {
  for (const place of places) {
    const found = await import(`${core}/${place}.js`).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return {};
}

const memory = await moduleOf('transport/read-memory', 'transport/socket-memory', 'internal/slab');

/** What connections read into, and what copies it out. */
export const readBuffer = memory.readBuffer ?? Buffer.allocUnsafeSlow(64 * 1024);
export const keepRead = memory.keepRead ?? ((length) => memory.keepBytes(readBuffer, length));
