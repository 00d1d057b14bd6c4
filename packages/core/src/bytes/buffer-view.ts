import { Buffer } from 'node:buffer';

type ViewClass = new (memory: ArrayBufferLike, offset: number, length: number) => Buffer;

/** The class with which Node creates Buffers. It is the species of derived Buffers. */
const NodesOwn = (Buffer as unknown as { readonly [Symbol.species]?: ViewClass })[Symbol.species];
const View: ViewClass =
  NodesOwn !== undefined && NodesOwn.prototype === Buffer.prototype
    ? NodesOwn
    : (Buffer.from as unknown as ViewClass);

/**
 * Returns a Buffer over a part of `memory`, as `Buffer.from(memory, offset, length)` does. If the memory is known, this function
 * takes a third of the time of `buffer.subarray`.
 */
export function bufferView(memory: ArrayBufferLike, offset: number, length: number): Buffer {
  return new View(memory, offset, length);
}

/** The place of a Buffer's bytes in memory. */
export interface BufferPlace {
  /** The Buffer itself. */
  readonly view: Buffer;
  /** Memory that contains the bytes of the Buffer. */
  readonly memory: ArrayBufferLike;
  /** Start of the bytes in the memory. */
  readonly offset: number;
}

const lastPlace: { -readonly [K in keyof BufferPlace]: BufferPlace[K] } = placeOf(Buffer.alloc(0));

/** Returns a Buffer as {@link bufferView} does. The next {@link bufferPlace} of this Buffer costs nothing. */
export function placedView(memory: ArrayBufferLike, offset: number, length: number): Buffer {
  const view = new View(memory, offset, length);
  lastPlace.view = view;
  lastPlace.memory = memory;
  lastPlace.offset = offset;
  return view;
}

/**
 * Returns the memory of a Buffer and the start of its bytes, valid until the next read. The properties `buffer` and `byteOffset`
 * of a Buffer are calls into the engine, which cost more than a small frame. The last read needs no such calls.
 */
export function bufferPlace(view: Buffer): BufferPlace {
  return view === lastPlace.view ? lastPlace : placeOf(view);
}

function placeOf(view: Buffer): BufferPlace {
  return { view, memory: view.buffer, offset: view.byteOffset };
}
