import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { RequestClient } from '@headrace/client';
import { Bootstrap, isHeadraceError } from '@headrace/core';
import { ExchangeHandler, type JsonRpcExchange, jsonRpcExchange } from '@headrace/rpc';
import { type FilePlace, FileTail, type FileTailOptions } from './file-tail.ts';
import { frames } from './log-server.ts';

/** Options of {@link shipLog}. */
export interface ShipLogOptions {
  /** The log. */
  readonly path: string;
  /** File that keeps the place after the last stored chunk. */
  readonly placePath: string;
  readonly server: { readonly host: string; readonly port: number };
  /** Ends the shipping. */
  readonly signal: AbortSignal;
  /** Further options of the tail. */
  readonly tail?: FileTailOptions;
}

/**
 * Sends a log to a server until the signal aborts. Each chunk is a call, so its answer states that the server has stored it. A call
 * that was lost is made again.
 */
export async function shipLog(options: ShipLogOptions): Promise<void> {
  const { path, placePath, server, signal } = options;
  const format = jsonRpcExchange();
  const client = new RequestClient<JsonRpcExchange>({
    client: {
      bootstrap: new Bootstrap().handler(({ pipeline }) =>
        pipeline.addLast(...frames(), new ExchangeHandler({ format })),
      ),
      addresses: [server],
    },
  });
  void client.start();
  try {
    const after = placeIn(placePath);
    const tail = new FileTail(path, {
      ...options.tail,
      signal,
      ...(after !== undefined && { after }),
    });
    for await (const chunk of tail) {
      const place = tail.place!;
      const params = { ...place, bytes: chunk.toString('base64') };
      if (!(await isStored(client, params, signal))) return;
      savePlace(placePath, place);
    }
  } finally {
    await client.close();
  }
}

async function isStored(
  client: RequestClient<JsonRpcExchange>,
  params: object,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await client.request({ method: 'store', params });
      return true;
    } catch (error) {
      // The server may have stored the chunk. It drops the chunk if it comes again.
      const isLost = isHeadraceError(error, 'REQUEST_LOST');
      if (!isLost && !isHeadraceError(error, 'TIMEOUT_REQUEST')) throw error;
    }
  }
  return false;
}

function placeIn(path: string): FilePlace | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as FilePlace;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes to another name first, so that a crash leaves the old or the new place. */
function savePlace(path: string, place: FilePlace): void {
  writeFileSync(`${path}.new`, JSON.stringify(place));
  renameSync(`${path}.new`, path);
}
