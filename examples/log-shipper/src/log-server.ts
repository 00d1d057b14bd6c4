import { JsonCodec, lengthPrefixed } from '@headrace/codec';
import { type Server, ServerBootstrap } from '@headrace/core';
import { ExchangeHandler, jsonRpcExchange } from '@headrace/rpc';
import type { FilePlace } from './file-tail.ts';

/** A chunk of a log, as the shipper sends it: the place after its bytes, and the bytes in Base64. */
export interface LogChunk extends FilePlace {
  readonly bytes: string;
}

/** The frames of both ends. A chunk has at most 64 KiB, and a third more as Base64. */
export const frames = () =>
  [...lengthPrefixed({ maxFrameLength: 256 * 1024 }), new JsonCodec()] as const;

/** Options of {@link startLogServer}. */
export interface LogServerOptions {
  readonly host?: string;
  readonly port: number;
  /** Stores the bytes of a chunk. The shipper sends the chunk again until this function has returned. */
  readonly store: (bytes: Buffer) => void;
}

/**
 * Starts a server that stores each chunk once: it drops a chunk that it has already, which comes again when the answer was lost. A
 * server that restarts has to store the ends together with the bytes.
 */
export function startLogServer(options: LogServerOptions): Promise<Server> {
  const { host = '127.0.0.1', port, store } = options;
  const ends = new Map<string, number>();
  const format = jsonRpcExchange();
  const handle = ({ params }: { readonly params?: unknown }): null => {
    const { file, position, bytes } = params as LogChunk;
    if (position <= (ends.get(file) ?? 0)) return null;
    store(Buffer.from(bytes, 'base64'));
    ends.set(file, position);
    return null;
  };
  return new ServerBootstrap()
    .childHandler(({ pipeline }) =>
      pipeline.addLast(...frames(), new ExchangeHandler({ format, handle })),
    )
    .bind({ host, port });
}
