import { RequestClient } from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import {
  memorySessionLog,
  type SessionLog,
  serveSessionLog,
  sessionLogOver,
} from '@headrace/lasting';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { WINDOW_MS } from './numbered-exchange.ts';

const options = { logger: silentLogger };
const host = '127.0.0.1';
const format = binaryExchange();
const framing = () => lengthPrefixed({ maxFrameLength: 16 * 1024 * 1024 });

/** Serves a log in memory to other processes. */
export function servePrimaryLog(): Promise<Server> {
  const handle = serveSessionLog(memorySessionLog({ keepMs: 2 * WINDOW_MS }));
  return new ServerBootstrap()
    .options(options)
    .childOptions(options)
    .childHandler(({ pipeline }) =>
      pipeline.addLast(...framing(), new ExchangeHandler({ format, handle })),
    )
    .bind({ host, port: 0 });
}

/** The log in another process. */
export async function primaryLogAt(port: number): Promise<SessionLog> {
  const calls = new RequestClient({
    client: {
      bootstrap: new Bootstrap()
        .options(options)
        .handler(({ pipeline }) =>
          pipeline.addLast(...framing(), new ExchangeHandler({ format, maxQueued: 100_000 })),
        ),
      addresses: [{ host, port }],
      ...options,
    },
  });
  await calls.start();
  return sessionLogOver(calls, { keepMs: 2 * WINDOW_MS });
}
