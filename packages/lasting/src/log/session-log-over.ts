import { Buffer } from 'node:buffer';
import { EncodeError, isHeadraceError, OptionError } from '@headrace/core';
import { describeOptions, number } from '@headrace/core/authoring';
import type { AppendPlace, LoggedSession, SessionLog } from './session-log.ts';
import { encodeLogCall, LOG_CALL, LOG_REFUSAL } from './session-log-call.ts';

/** Calls to the process with the log: a `RequestClient` or an `ExchangeHandler`, with `binaryExchange()`. */
export interface SessionLogCalls {
  /** Sends a call. Rejects with an error of the call. */
  request(call: Buffer): Promise<Buffer>;
  /** Sends a call for items. */
  stream(call: Buffer): AsyncIterable<Buffer>;
}

/** Options of {@link sessionLogOver}. */
export interface SessionLogOverOptions {
  /** Time for which the log must keep a channel after its last record, in milliseconds; at most `keepMs` there. @default 600000 */
  readonly keepMs?: number;
}

const OPTIONS = describeOptions('sessionLogOver', {
  keepMs: number({ min: 1, default: 600_000 }),
});

class RemoteSessionLog implements SessionLog {
  readonly keepMs: number;
  private readonly calls: SessionLogCalls;

  constructor(calls: SessionLogCalls, keepMs: number) {
    this.calls = calls;
    this.keepMs = keepMs;
  }

  async read(id: string): Promise<LoggedSession | undefined> {
    const items: Buffer[] = [];
    // An item is a view of its read, which may have many other bytes.
    for await (const item of this.calls.stream(encodeLogCall(LOG_CALL.read, { id })))
      items.push(Buffer.from(item));
    const [revision, ...records] = items;
    return revision && { records, revision: String(revision) };
  }

  async append(
    id: string,
    record: Uint8Array,
    { after, replaces }: AppendPlace,
  ): Promise<string | undefined> {
    const { calls, keepMs } = this;
    const header = { id, after, replaces, keepMs };
    try {
      const revision = await calls.request(encodeLogCall(LOG_CALL.append, header, record));
      return revision.length === 0 ? undefined : String(revision);
    } catch (thrown) {
      const isRefused = isHeadraceError(thrown, 'REQUEST_REFUSED');
      if (!isRefused || thrown.details.code !== LOG_REFUSAL.tooLong) throw thrown;
      throw new EncodeError('MESSAGE_TOO_LONG', thrown.message, { bytes: record.length });
    }
  }

  async remove(id: string, after: string): Promise<void> {
    await this.calls.request(encodeLogCall(LOG_CALL.remove, { id, after }));
  }
}

/**
 * Returns a log that another process serves by {@link serveSessionLog}, which has an example. `calls` is the connection to this
 * process: a `RequestClient`, which connects again, or an `ExchangeHandler`. Set `maxQueued` of the `ExchangeHandler` to the
 * number of channels that may write at the same time. A call above this limit fails, and the table repeats it later.
 *
 * @throws OptionError if an option is not valid
 */
export function sessionLogOver(
  calls: SessionLogCalls,
  options: SessionLogOverOptions = {},
): SessionLog {
  const { request, stream } = (calls as Partial<SessionLogCalls> | null | undefined) ?? {};
  if (typeof request !== 'function' || typeof stream !== 'function') {
    const text = 'sessionLogOver needs a RequestClient or an ExchangeHandler';
    throw new OptionError('OPTION_INVALID', text, { option: 'calls' });
  }
  const { keepMs } = OPTIONS.resolve(options);
  return new RemoteSessionLog(calls, keepMs);
}
