import {
  type Channel,
  type ChannelInitializer,
  connectChannel,
  type Handler,
  type Transport,
} from '@headrace/core';
import {
  builderOf,
  type ChannelBuilder,
  describeOptions,
  present,
  required,
  unchecked,
} from '@headrace/core/authoring';
import { MESSAGE_LIMITS } from '../socket/message-limits.ts';
import type { WebSocketInput, WebSocketOutput } from '../socket/text-message.ts';
import {
  beginPipeline,
  WEB_SOCKET_CHANNEL_OPTIONS,
  type WebSocketTransport,
} from '../socket/web-socket-channel.ts';
import { dial } from './dial.ts';
import {
  CONNECT_TIMEOUT,
  OWN_OPTIONS,
  type WebSocketClientOptions,
} from './web-socket-client-options.ts';

/**
 * Builds the pipeline of a WebSocket: a function, or a template that begins with `pipeline<WebSocketInput, WebSocketOutput>()`. If
 * the function returns the result of `addLast`, the message types are known.
 */
export type WebSocketPipeline<R, W> = ChannelInitializer<R, W, WebSocketInput, WebSocketOutput>;

type WebSocketClientTransport = Transport & WebSocketTransport;

const OPTIONS = describeOptions(
  '.options',
  {},
  OWN_OPTIONS,
  CONNECT_TIMEOUT,
  MESSAGE_LIMITS,
  WEB_SOCKET_CHANNEL_OPTIONS,
);
const CONNECT_OPTIONS = describeOptions('connect', { signal: unchecked() });

/**
 * A `Bootstrap` for clients that connect over WebSockets. The pipelines read and write messages.
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
export class WebSocketBootstrap<R = unknown, W = unknown> {
  private clientOptions: WebSocketClientOptions = {};
  private build: ChannelBuilder | undefined = undefined;

  /**
   * Sets the function or the template that builds the pipeline of each channel.
   *
   * @throws OptionError `OPTION_INVALID` for any other value
   */
  handler<R2, W2>(initialize: WebSocketPipeline<R2, W2>): WebSocketBootstrap<R2, W2> {
    this.build = builderOf('.handler', initialize);
    return this as unknown as WebSocketBootstrap<R2, W2>;
  }

  /** Merges options into the options that were set before. Throws an `OptionError` for an unknown option. */
  options(options: WebSocketClientOptions): this {
    OPTIONS.checkNames(options);
    this.clientOptions = { ...this.clientOptions, ...present(options) };
    return this;
  }

  /**
   * Opens a WebSocket and resolves with the open channel. Rejects with `CHANNEL_REFUSED`, `TIMEOUT_CONNECT` or the
   * transport's error.
   *
   * @throws OptionError `OPTION_CONFLICT` without `.handler(…)`
   */
  async connect(
    url: string | URL,
    target: { readonly signal?: AbortSignal } = {},
  ): Promise<Channel<R, W>> {
    CONNECT_OPTIONS.checkNames(target);
    const build = required(this.build, '.handler(…)');
    target.signal?.throwIfAborted();
    const { clientOptions: options } = this;
    const { httpTunnel: tunnel, ...own } = OWN_OPTIONS.part(options);
    const { messageTimeoutMs, ...limits } = MESSAGE_LIMITS.part(options);
    const open = async (
      transport: WebSocketClientTransport,
      terms: object,
      ...first: Handler[]
    ): Promise<Channel> =>
      connectChannel(transport, {
        ...WEB_SOCKET_CHANNEL_OPTIONS.only(options),
        ...CONNECT_TIMEOUT.only(options),
        ...terms,
        ...target,
        target: String(url),
        initialize: (opening) => {
          beginPipeline(opening, transport, messageTimeoutMs);
          opening.pipeline.addLast(...first);
          return build(opening);
        },
      });
    const dialed = (): WebSocketClientTransport => dial(url, options);
    const channel: unknown = await (tunnel === undefined
      ? open(dialed(), {})
      : tunnel.connect(url, {
          ...own,
          ...CONNECT_TIMEOUT.part(options),
          limits,
          dial: dialed,
          open,
          signal: target.signal,
          clock: options.clock,
          logger: options.logger,
        }));
    return channel as Channel<R, W>;
  }
}
