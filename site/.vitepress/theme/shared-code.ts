// The code of a sample in the address of its page: `#run=2:…`, the third sample, with the code compressed. Nobody but
// the reader runs it, and no server sees it.

const through = async (bytes: BlobPart, way: CompressionStream | DecompressionStream) =>
  new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(way)).arrayBuffer());

export async function hashOf(index: number, code: string): Promise<string> {
  const bytes = await through(code, new CompressionStream('deflate-raw'));
  const text = btoa(String.fromCharCode(...bytes));
  return `#run=${index}:${text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
}

/** The code that an address has for this sample, if it has any. */
export async function sharedCode(hash: string, index: number): Promise<string | undefined> {
  const start = `#run=${index}:`;
  if (!hash.startsWith(start)) return undefined;
  try {
    const text = atob(hash.slice(start.length).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    return new TextDecoder().decode(await through(bytes, new DecompressionStream('deflate-raw')));
  } catch {
    return undefined; // cut off on its way
  }
}
