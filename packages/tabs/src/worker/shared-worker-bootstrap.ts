import {
  type Channel,
  ChannelError,
  type ChannelOptions,
  type Context,
  connectChannel,
  type Handler,
} from '@headrace/core';
import {
  builderOf,
  CHANNEL_OPTIONS,
  type ChannelBuilder,
  checkFunction,
  describeOptions,
  present,
  required,
  time,
  toError,
  unchecked,
} from '@headrace/core/authoring';
import { WebSocketBootstrap, type WebSocketPipeline } from '@headrace/websocket';
import type { PortLike } from '../port/port-message.ts';
import { PORT_LIMITS, type PortLimits, PortTransport } from '../port/port-transport.ts';
import { OwnConnectionEvent } from './own-connection-event.ts';

/** The part of a `SharedWorker` that this package uses. Any object with a port is accepted. */
export interface SharedWorkerLike {
  readonly port: PortLike;
  /** Reports a worker whose program cannot be loaded. */
  addEventListener?(name: 'error', listener: () => void): void;
}

/**
 * Creates the worker. Bundlers must find the expression `new SharedWorker(new URL('./shared.ts', import.meta.url))` unchanged in
 * the source.
 */
export type SharedWorkerPlace = () => SharedWorkerLike;

/** Options of the connection of a tab to its shared worker. */
export interface SharedWorkerOptions extends ChannelOptions, PortLimits {
  /** Maximum time for the worker's program to start and answer, in milliseconds; `false` for no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
  /**
   * URL of a WebSocket that the tab opens if no `SharedWorker` exists or the browser refuses it. The tab then has its own
   * connection with the same pipeline, and fires an {@link OwnConnectionEvent}. `allowHalfOpen` is for the worker only: a
   * WebSocket ends both halves at once.
   * @default none: `connect` fails with `CHANNEL_REFUSED`
   */
  readonly otherwise?: string | URL;
}

/** The maximum time until the other end answers. */
export const CONNECT_TIMEOUT = describeOptions('connectTimeoutMs', {
  connectTimeoutMs: time({ default: 30_000 }),
});
const OWN_OPTIONS = describeOptions('SharedWorkerOptions', { otherwise: unchecked() });
const OPTIONS = describeOptions(
  '.options',
  {},
  OWN_OPTIONS,
  CONNECT_TIMEOUT,
  PORT_LIMITS,
  CHANNEL_OPTIONS,
);
const CONNECT_OPTIONS = describeOptions('connect', { signal: unchecked() });

/**
 * A `Bootstrap` that connects a tab to a shared worker with a {@link TabServer}. Pipelines and clients are the same as with
 * `WebSocketBootstrap`.
 *
 * @example
 * ```ts check
 * import { ReconnectingClient } from '@headrace/client';
 * import { SharedWorkerBootstrap, type SharedWorkerLike } from '@headrace/tabs';
 * import { WebSocketTextCodec } from '@headrace/websocket';
 *
 * declare const SharedWorker: new (url: URL, options: { type: 'module'; name: string }) => SharedWorkerLike;
 *
 * const client = new ReconnectingClient({
 *   bootstrap: new SharedWorkerBootstrap()
 *     .options({ otherwise: '/ws' })
 *     .handler((channel) => channel.pipeline.addLast(new WebSocketTextCodec())),
 *   addresses: [
 *     () => new SharedWorker(new URL('./shared.js', import.meta.url), { type: 'module', name: 'chat-1' }),
 *   ],
 * });
 * void client.start();
 * ```
 */
export class SharedWorkerBootstrap<R = unknown, W = unknown> {
  private workerOptions: SharedWorkerOptions = {};
  private build: ChannelBuilder | undefined = undefined;

  /**
   * Sets the function or the template that builds the pipeline of each channel.
   *
   * @throws OptionError `OPTION_INVALID` for any other value
   */
  handler<R2, W2>(initialize: WebSocketPipeline<R2, W2>): SharedWorkerBootstrap<R2, W2> {
    this.build = builderOf('.handler', initialize);
    return this as unknown as SharedWorkerBootstrap<R2, W2>;
  }

  /** Merges options into the options that were set before. Throws an `OptionError` for an unknown option. */
  options(options: SharedWorkerOptions): this {
    OPTIONS.checkNames(options);
    this.workerOptions = { ...this.workerOptions, ...present(options) };
    return this;
  }

  /**
   * Creates the worker, or connects to the running worker, and resolves with the open channel. Rejects with `CHANNEL_REFUSED` if
   * the worker's program cannot run, or if no worker exists and `otherwise` is not set. Rejects with `TIMEOUT_CONNECT` if the
   * worker does not answer.
   *
   * @throws OptionError `OPTION_CONFLICT` without `.handler(…)`, `OPTION_INVALID` if `place` is not a function
   */
  async connect(
    place: SharedWorkerPlace,
    target: { readonly signal?: AbortSignal } = {},
  ): Promise<Channel<R, W>> {
    CONNECT_OPTIONS.checkNames(target);
    checkFunction('connect', place, { answers: 'sync', purpose: 'makes a SharedWorker' });
    const build = required(this.build, '.handler(…)');
    target.signal?.throwIfAborted();
    let worker: SharedWorkerLike | undefined;
    let cause: unknown;
    try {
      worker = place();
    } catch (thrown) {
      cause = thrown;
    }
    const channel: unknown =
      worker === undefined
        ? await this.connectAlone(build, toError(cause), target)
        : await this.connectTo(worker, build, target);
    return channel as Channel<R, W>;
  }

  private connectTo(
    worker: SharedWorkerLike,
    build: ChannelBuilder,
    target: { readonly signal?: AbortSignal },
  ): Promise<Channel> {
    const { workerOptions: options } = this;
    const transport = portOf(worker.port, options);
    worker.addEventListener?.('error', () => transport.refuse(cannotRun()));
    return connectChannel(transport, {
      ...CHANNEL_OPTIONS.only(options),
      ...CONNECT_TIMEOUT.only(options),
      ...target,
      target: 'the shared worker',
      initialize: build,
    });
  }

  private connectAlone(
    build: ChannelBuilder,
    cause: Error,
    target: { readonly signal?: AbortSignal },
  ): Promise<Channel> {
    const { workerOptions: options } = this;
    const { otherwise } = options;
    if (otherwise === undefined) {
      const text = `there is no shared worker: ${cause.message}; .options({ otherwise: '/ws' }) connects without one`;
      return Promise.reject(new ChannelError('CHANNEL_REFUSED', text, {}, cause));
    }
    const { maxMessageBytes } = PORT_LIMITS.part(options);
    const { allowHalfOpen: _, ...channelOptions } = CHANNEL_OPTIONS.only(options);
    return new WebSocketBootstrap()
      .options({
        ...channelOptions,
        ...CONNECT_TIMEOUT.only(options),
        maxMessageBytes,
      })
      .handler((channel) => {
        channel.pipeline.addLast(new AnnounceOwnConnection(cause));
        return build(channel as never);
      })
      .connect(otherwise, target) as unknown as Promise<Channel>;
  }
}

class AnnounceOwnConnection implements Handler {
  private readonly cause: Error;

  constructor(cause: Error) {
    this.cause = cause;
  }

  channelActive(ctx: Context): void {
    ctx.fireChannelActive();
    ctx.fireUserEventTriggered(new OwnConnectionEvent(this.cause));
  }
}

/** Creates the transport of a port with the limits of a channel's options. */
export function portOf(port: PortLike, options: ChannelOptions & PortLimits): PortTransport {
  const { clock } = options;
  return new PortTransport(port, { ...PORT_LIMITS.part(options), ...(clock && { clock }) });
}

function cannotRun(): ChannelError {
  const text =
    'the program of the shared worker cannot run: is its URL right, and does it throw when it starts?';
  return new ChannelError('CHANNEL_REFUSED', text);
}
