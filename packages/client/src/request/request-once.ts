import { type Channel, OptionError } from '@headrace/core';
import { checkOptions, checkTime, type KnownOptions } from '@headrace/core/authoring';
import { type BinaryExchange, ExchangeHandler, type ExchangeTypes } from '@headrace/handlers';
import type { Connector } from '../address/racing-connector.ts';

/** Options of {@link requestOnce}. */
export interface RequestOnceOptions<P, C extends Channel = Channel> {
  /** Connects; its pipeline has an `ExchangeHandler`. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** How long the answer may take; the bootstrap has the limit for the connect. `false` for no limit. @default 10000 */
  readonly timeoutMs?: number | false;
  /** Cancels it. */
  readonly signal?: AbortSignal;
}

const OPTIONS: KnownOptions<RequestOnceOptions<unknown>> = {
  bootstrap: true,
  timeoutMs: true,
  signal: true,
};

/** Connects, asks, and closes. Rejects as the connect, or as `ExchangeHandler.request`. */
export async function requestOnce<T extends ExchangeTypes = BinaryExchange, P = unknown>(
  place: P,
  body: T['call'],
  options: RequestOnceOptions<P>,
): Promise<T['result']> {
  checkOptions('requestOnce', options, OPTIONS as KnownOptions<typeof options>);
  const { bootstrap, signal } = options;
  const timeoutMs = options.timeoutMs ?? 10_000;
  checkTime('timeoutMs', timeoutMs);
  signal?.throwIfAborted();
  const abort = new AbortController();
  const cancel = (): void => abort.abort(signal?.reason);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const channel = await bootstrap.connect(place, { signal: abort.signal });
    try {
      const exchange = channel.pipeline.get(ExchangeHandler);
      if (exchange === undefined) {
        const text = 'the pipeline of requestOnce needs an ExchangeHandler as its last handler';
        throw new OptionError('OPTION_CONFLICT', text, { option: 'bootstrap' });
      }
      return (await exchange.request(body, { timeoutMs, signal: abort.signal })) as T['result'];
    } finally {
      channel.end();
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
