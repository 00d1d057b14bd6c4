import { type Channel, OptionError } from '@headrace/core';
import { attempted, describeOptions, time, unchecked } from '@headrace/core/authoring';
import { type BinaryExchange, ExchangeCallHandler, type ExchangeTypes } from '@headrace/rpc';
import { CONNECTOR, type Connector } from '../address/connector.ts';
import { closeLate } from '../retry/late-connection.ts';

/** Options of {@link requestOnce}. */
export interface RequestOnceOptions<P, C extends Channel = Channel> {
  /** A connector whose pipeline contains an `ExchangeHandler`. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** Maximum time of the answer; `false` for no limit. The bootstrap limits the connect. @default 10000 */
  readonly timeoutMs?: number | false;
  /** Signal that cancels the request. */
  readonly signal?: AbortSignal;
}

const OPTIONS = describeOptions('requestOnce', {
  bootstrap: CONNECTOR,
  timeoutMs: time({ default: 10_000 }),
  signal: unchecked(),
});

/** Connects, sends one call, and closes. Rejects as the connect, or as `ExchangeHandler.request`. */
export async function requestOnce<T extends ExchangeTypes = BinaryExchange, P = unknown>(
  place: P,
  body: T['call'],
  options: RequestOnceOptions<P>,
): Promise<T['result']> {
  const {
    bootstrap,
    timeoutMs,
    signal = new AbortController().signal,
  } = OPTIONS.resolve(options as RequestOnceOptions<unknown>);
  signal.throwIfAborted();
  const channel = await attempted(
    (cancel) => bootstrap.connect(place, { signal: cancel }),
    { signal },
    closeLate,
  );
  try {
    const exchange = channel.pipeline.get(ExchangeCallHandler);
    if (exchange === undefined) {
      const text = 'the pipeline of requestOnce needs an ExchangeHandler as its last handler';
      throw new OptionError('OPTION_CONFLICT', text, { option: 'bootstrap' });
    }
    return (await exchange.request(body, {
      timeoutMs: timeoutMs === Number.POSITIVE_INFINITY ? false : timeoutMs,
      signal,
    })) as T['result'];
  } finally {
    channel.end();
  }
}
