/**
 * Output that is not one Buffer and can write its own bytes, such as a length and a body. Only the transport copies the bytes.
 */
export interface ByteSource {
  /** Number of bytes that the source writes. */
  readonly byteLength: number;
  /** Writes all `byteLength` bytes into `target` at `offset`. */
  writeTo(target: Uint8Array, offset: number): void;
  /**
   * Appends the same bytes to a list, without copying bytes that are in memory. A transport that writes lists calls this method
   * instead of `writeTo` for a large message. @default all bytes are copied
   */
  appendTo?(buffers: Uint8Array[]): void;
  /**
   * Whether the bytes are outside the memory of a read and are kept in any case. If true, they are not copied while they wait
   * behind a slow peer. @default false: a short source is copied, which releases the memory of its read
   */
  readonly ownsMemory?: boolean;
}

/** A message that a byte transport accepts. */
export type OutboundBytes = Uint8Array | ByteSource;
