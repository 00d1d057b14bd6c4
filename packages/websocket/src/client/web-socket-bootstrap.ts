import type { IncomingMessage } from 'node:http';
import {
  type Channel,
  ChannelError,
  type ChannelOptions,
  checkNumber,
  checkTime,
  initializer,
  OptionError,
  TimedOutError,
} from '@headrace/core';
import { LastWordSocket } from '../socket/last-word-socket.ts';
import { WebSocketChannel, type WebSocketInitializer } from '../socket/web-socket-channel.ts';
import { WebSocketTransport } from '../socket/web-socket-transport.ts';
import { socketAddresses } from './socket-addresses.ts';

/** Options of a client's WebSocket. */
export interface WebSocketClientOptions extends ChannelOptions {
  /** How long connecting and the handshake may take; `false` for no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
  /** The longest message that is read, in bytes. @default 65536 */
  readonly maxMessageBytes?: number;
  /** Headers of the handshake beside its own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The `Origin` header, as a browser would send it. */
  readonly origin?: string;
}

const DEFAULTS = { connectTimeoutMs: 30_000, maxMessageBytes: 64 * 1024 } as const;
const CLOSE_TIMEOUT_MS = 2000;

/**
 * Opens WebSockets: as core's `Bootstrap`, but the pipeline reads and writes messages.
 *
 * @example
 * ```ts check
 * import { WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
 *
 * const channel = await new WebSocketBootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new WebSocketTextCodec()))
 *   .connect('ws://127.0.0.1:18888/ws');
 * await channel.writeAndFlush('AUTH:ann');
 * ```
 */
export class WebSocketBootstrap {
  private clientOptions: WebSocketClientOptions = {};
  private initialize: WebSocketInitializer | undefined = undefined;

  /** Builds the pipeline of each channel. */
  handler(initialize: WebSocketInitializer): this {
    this.initialize = initialize;
    return this;
  }

  options(options: WebSocketClientOptions): this {
    this.clientOptions = { ...this.clientOptions, ...options };
    return this;
  }

  /** Resolves with the open channel. Rejects with `CHANNEL_REFUSED`, `TIMEOUT_CONNECT` or the transport's error. */
  async connect(
    url: string | URL,
    target: { readonly signal?: AbortSignal } = {},
  ): Promise<WebSocketChannel> {
    const { initialize } = this;
    if (initialize === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        '.handler(…) is missing: nothing would build the pipeline',
        {
          option: '.handler(…)',
        },
      );
    }
    const { connectTimeoutMs, maxMessageBytes, headers, origin, ...channelOptions } = {
      ...DEFAULTS,
      ...this.clientOptions,
    };
    const timeoutMs = checkTime('connectTimeoutMs', connectTimeoutMs);
    const maxPayload = checkNumber('maxMessageBytes', maxMessageBytes, {
      min: 1,
      max: 2 ** 31 - 1,
    });
    target.signal?.throwIfAborted();
    const ws = new LastWordSocket(url, [], {
      perMessageDeflate: false,
      maxPayload,
      ...(headers && { headers }),
      ...(origin !== undefined && { origin }),
      ...{ closeTimeout: CLOSE_TIMEOUT_MS },
    });
    const transport = new WebSocketTransport(ws);
    const channel = new WebSocketChannel(transport, channelOptions);
    ws.on('upgrade', ({ socket }) => {
      const { local, remote } = socketAddresses(socket);
      transport.setAddresses(local, remote);
    });
    ws.on('unexpected-response', (_request, response) => {
      channel.failed(refused(url, response));
    });
    channel.pipeline.addLast(initializer(initialize as (channel: Channel) => void));
    await opened(channel, timeoutMs, String(url), target.signal);
    return channel;
  }
}

/** Registers the channel and waits for it, no longer than allowed. */
async function opened(
  channel: WebSocketChannel,
  timeoutMs: number,
  url: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const text = `no WebSocket to ${url} within ${timeoutMs} ms`;
  const expire = () => channel.failed(new TimedOutError('TIMEOUT_CONNECT', text, { timeoutMs }));
  const isLimited = timeoutMs !== Number.POSITIVE_INFINITY;
  const deadline = isLimited ? channel.clock.schedule(expire, timeoutMs, true) : undefined;
  const onAbort = () => channel.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const connected = channel.connectFuture;
    channel.register();
    await connected;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    deadline?.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

function refused(url: string | URL, { statusCode }: IncomingMessage): ChannelError {
  const text = `${url} refused the WebSocket with the HTTP status ${statusCode}`;
  return new ChannelError('CHANNEL_REFUSED', text, { statusCode });
}
