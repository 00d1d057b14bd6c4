import {
  type Channel,
  ChannelGroup,
  type ChannelOptions,
  connectChannel,
  type Logger,
  stderrLogger,
} from '@headrace/core';
import {
  builder,
  CHANNEL_OPTIONS,
  type ChannelBuilder,
  carefulLogger,
  describeOptions,
  toError,
  WatchedEmitter,
} from '@headrace/core/authoring';
import type { WebSocketPipeline } from '@headrace/websocket';
import type { PortLike } from '../port/port-message.ts';
import { PORT_LIMITS, type PortLimits } from '../port/port-transport.ts';
import { CONNECT_TIMEOUT, portOf } from './shared-worker-bootstrap.ts';

/** Options of a {@link TabServer}, and of the channel of each tab. */
export interface TabServerOptions extends ChannelOptions, PortLimits {
  /**
   * Builds the pipeline of each tab's channel: a function, or a template that begins with
   * `pipeline<WebSocketInput, WebSocketOutput>()`.
   */
  readonly pipeline: WebSocketPipeline<unknown, unknown>;
  /** Maximum time until a tab sends its first message, in milliseconds; `false` for no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
}

/** Events of a {@link TabServer}. */
export interface TabServerEvents {
  /** A tab has connected, and its channel is a member of {@link TabServer.tabs}. */
  tab: [channel: Channel];
  /** The last tab has left. The browser ends the worker when no tab has it open. */
  empty: [];
}

/** The part of a shared worker's global object that this package uses. */
interface WorkerScope {
  addEventListener(
    name: 'connect',
    listener: (event: { readonly ports: readonly PortLike[] }) => void,
  ): void;
}

const OPTIONS = describeOptions(
  'TabServer',
  { pipeline: builder('a tab', { required: true }) },
  CONNECT_TIMEOUT,
  PORT_LIMITS,
  CHANNEL_OPTIONS,
);

/**
 * The server in a shared worker. Each tab that connects with a {@link SharedWorkerBootstrap} has a channel in the group `tabs`. A
 * tab leaves the group when it is closed, leaves the page or crashes.
 *
 * @example
 * ```ts check
 * import { TabServer } from '@headrace/tabs';
 * import { WebSocketTextCodec } from '@headrace/websocket';
 *
 * const server = new TabServer({
 *   pipeline: (channel) =>
 *     channel.pipeline.addLast(new WebSocketTextCodec(), {
 *       channelRead: (_ctx, text) => void server.tabs.writeAndFlush(`a tab said ${text}`),
 *     }),
 * }).listen();
 * ```
 */
export class TabServer extends WatchedEmitter<TabServerEvents> {
  /** Group of the connected tabs. A write to the group sends to all tabs. */
  readonly tabs: ChannelGroup = new ChannelGroup('tabs', { stayClosed: true });
  private readonly channelOptions: ChannelOptions &
    PortLimits & { readonly connectTimeoutMs?: number | false };
  private readonly build: ChannelBuilder;
  private readonly logger: Logger;
  private readonly end = new AbortController();

  /** @throws OptionError if an option is not valid */
  constructor(options: TabServerOptions) {
    super();
    this.build = OPTIONS.resolve(options as never).pipeline;
    this.channelOptions = {
      ...CHANNEL_OPTIONS.only(options),
      ...CONNECT_TIMEOUT.only(options),
      ...PORT_LIMITS.only(options),
    };
    this.logger = carefulLogger(options.logger ?? stderrLogger());
    this.tabs.on('channelLeft', () => {
      if (this.tabs.isEmpty) this.emit('empty');
    });
  }

  /**
   * Accepts the tabs of the shared worker that calls it. Call `listen` when the worker's program starts, before any `await`. The
   * browser fires the event of the first tab right after the start, and only once.
   */
  listen(): this {
    const scope = globalThis as unknown as WorkerScope;
    scope.addEventListener('connect', ({ ports }) => {
      for (const port of ports) this.accept(port);
    });
    return this;
  }

  /** Accepts a tab, or any `MessagePort` whose other end is a `PortTransport`. */
  accept(port: PortLike): void {
    const { channelOptions: options, build } = this;
    const transport = portOf(port, options);
    if (this.end.signal.aborted) {
      transport.abort();
      return;
    }
    connectChannel(transport, {
      ...CHANNEL_OPTIONS.only(options),
      ...CONNECT_TIMEOUT.only(options),
      target: 'a tab',
      signal: this.end.signal,
      initialize: build,
    }).then(
      (channel) => {
        if (this.tabs.add(channel)) this.emit('tab', channel);
      },
      (error: unknown) => this.logger.log('warn', 'a tab did not connect', toError(error)),
    );
  }

  /** Closes the channels of all tabs, and of tabs that connect later. */
  async close(): Promise<void> {
    this.end.abort();
    const { tabs } = this;
    const ends = [...tabs].map((channel) => channel.closed);
    tabs.close();
    await Promise.all(ends);
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    this.logger.log('error', `a listener of "${event}" of a TabServer failed`, error);
  }
}
