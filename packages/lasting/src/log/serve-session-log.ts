import { Buffer } from 'node:buffer';
import { isHeadraceError, OptionError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { type BinaryExchange, type ExchangeScope, refusal } from '@headrace/rpc';
import type { SessionLog } from './session-log.ts';
import { decodeLogCall, LOG_CALL, LOG_REFUSAL, type LogCall } from './session-log-call.ts';

/**
 * Returns the `handle` of an `ExchangeHandler` with `binaryExchange()`, which serves a log to other processes. They reach the log
 * with `sessionLogOver`. With {@link memorySessionLog} in the primary process, the lasting channels of one machine continue in any
 * worker, without another server. The records end with the process that has the log. One function serves all connections.
 *
 * A client of this connection can read and replace all lasting channels, with their secrets and principals. Use a Unix domain
 * socket in the service's own folder, or TLS with certificates of both ends. Give both ends the same `maxFrameLength`. A record
 * that is longer ends its channel with `MESSAGE_TOO_LONG`.
 *
 * @throws OptionError if `log` is not a log
 * @example
 * ```ts run
 * import { RequestClient } from '@headrace/client';
 * import { lengthPrefixed } from '@headrace/codec';
 * import { Bootstrap, ServerBootstrap } from '@headrace/core';
 * import { memorySessionLog, ResumeTable, serveSessionLog, sessionLogOver } from '@headrace/lasting';
 * import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
 *
 * const format = binaryExchange();
 * const framing = () => lengthPrefixed({ maxFrameLength: 16 * 1024 * 1024 });
 *
 * // The primary process.
 * const handle = serveSessionLog(memorySessionLog());
 * const server = await new ServerBootstrap()
 *   .childHandler(({ pipeline }) => pipeline.addLast(...framing(), new ExchangeHandler({ format, handle })))
 *   .bind({ host: '127.0.0.1', port: 0 });
 *
 * // Each worker.
 * const calls = new RequestClient({
 *   client: {
 *     bootstrap: new Bootstrap().handler(({ pipeline }) =>
 *       pipeline.addLast(...framing(), new ExchangeHandler({ format, maxQueued: 100_000 })),
 *     ),
 *     addresses: [{ host: '127.0.0.1', port: server.port }],
 *   },
 * });
 * void calls.start();
 * const log = sessionLogOver(calls);
 * const table = new ResumeTable({ log });
 * console.log(table.size, await log.read('nobody'));
 * // prints 0 undefined
 * await calls.close();
 * await server.shutdown();
 * ```
 */
export function serveSessionLog(
  log: SessionLog,
): (
  request: Buffer,
  scope: ExchangeScope<BinaryExchange>,
) => Promise<Buffer | undefined> | AsyncGenerator<Buffer> {
  if (typeof (log as Partial<SessionLog> | null | undefined)?.append !== 'function') {
    const text = 'serveSessionLog needs a log of sessions, as memorySessionLog makes';
    throw new OptionError('OPTION_INVALID', text, { option: 'log' });
  }
  return (request, { wantsItems }) => {
    const call = decodeLogCall(request);
    if (call === undefined || wantsItems !== (call.kind === LOG_CALL.read)) {
      throw refusal(LOG_REFUSAL.failed, 'the call is of another version, or not for a log');
    }
    return wantsItems ? recordsOf(log, call.header.id) : changed(log, call);
  };
}

async function* recordsOf(log: SessionLog, id: string): AsyncGenerator<Buffer> {
  const found = await log.read(id).catch(refuse);
  if (found === undefined) return;
  yield Buffer.from(found.revision);
  for (const { buffer, byteOffset, byteLength } of found.records)
    yield Buffer.from(buffer, byteOffset, byteLength);
}

async function changed(
  log: SessionLog,
  { kind, header, record }: LogCall,
): Promise<Buffer | undefined> {
  const { id, after, replaces = false, keepMs = 0 } = header;
  if (kind === LOG_CALL.remove) {
    await log.remove(id, after!).catch(refuse);
    return undefined;
  }
  if (keepMs > log.keepMs) {
    const text = `the log keeps a channel for ${log.keepMs} ms, and this process needs ${keepMs} ms: set keepMs of both`;
    throw refusal(LOG_REFUSAL.failed, text);
  }
  const revision = await log.append(id, record, { after, replaces }).catch(refuse);
  return revision === undefined ? undefined : Buffer.from(revision);
}

function refuse(thrown: unknown): never {
  const { tooLong, failed } = LOG_REFUSAL;
  const code = isHeadraceError(thrown, 'MESSAGE_TOO_LONG') ? tooLong : failed;
  throw refusal(code, toError(thrown).message);
}
