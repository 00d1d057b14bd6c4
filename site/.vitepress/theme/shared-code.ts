// The code of a sample in the address of its page: `#run=2:…`, the third sample, with the code compressed. Nobody but
// the reader runs it, and no server sees it.

/** Of the code in a link. A short address can inflate to a thousand times its length. */
const MAX_BYTES = 100_000;

/** The bytes of a stream; `undefined` if there are more than `MAX_BYTES`. */
async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | undefined> {
  const all = new Uint8Array(MAX_BYTES);
  const reader = stream.getReader();
  let length = 0;
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return all.subarray(0, length);
    if (length + value.length > MAX_BYTES) {
      await reader.cancel();
      return undefined;
    }
    all.set(value, length);
    length += value.length;
  }
}

const through = (bytes: BlobPart, way: CompressionStream | DecompressionStream) =>
  bytesOf(new Blob([bytes]).stream().pipeThrough(way));

/** The part of an address with this code; `undefined` for code that is too long for a link. */
export async function hashOf(index: number, code: string): Promise<string | undefined> {
  if (new TextEncoder().encode(code).length > MAX_BYTES) return undefined;
  const bytes = await through(code, new CompressionStream('deflate-raw'));
  if (bytes === undefined) return undefined;
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return `#run=${index}:${text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
}

/** The code that an address has for this sample, if it has any. */
export async function sharedCode(hash: string, index: number): Promise<string | undefined> {
  const start = `#run=${index}:`;
  if (!hash.startsWith(start)) return undefined;
  try {
    const text = atob(hash.slice(start.length).replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const bytes = await through(packed, new DecompressionStream('deflate-raw'));
    return bytes && new TextDecoder().decode(bytes);
  } catch {
    return undefined; // cut off on its way
  }
}
