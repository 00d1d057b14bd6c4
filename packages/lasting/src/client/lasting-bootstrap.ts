import { ReconnectingClient, type ReconnectingClientOptions } from '@headrace/client';
import {
  type Channel,
  type ChannelInitializer,
  type ChannelOptions,
  type ConnectPlace,
  connectChannel,
  OptionError,
  PipelineError,
} from '@headrace/core';
import {
  builderOf,
  type ChannelBuilder,
  describeOptions,
  type Resolved,
  required,
  unchecked,
} from '@headrace/core/authoring';
import { beginLasting, LASTING_CHANNEL_OPTIONS } from '../channel/lasting-channel.ts';
import { CREDIT_BYTES, systemRandom, WINDOW_MS } from '../protocol/resume-machine.ts';
import { LastingClient } from './lasting-client.ts';

/**
 * Options of a {@link LastingBootstrap}, in addition to those of the `ReconnectingClient` that connects the links. `bootstrap`
 * builds the pipeline of each link, for example framing and heartbeat. `ready` runs before a link is used.
 */
export interface LastingOptions<P = ConnectPlace, C extends Channel = Channel>
  extends Omit<ReconnectingClientOptions<P, C>, 'offline'> {
  /** Maximum absence of this client, in milliseconds. The server can allow less. @default 60000 */
  readonly windowMs?: number;
  /**
   * Maximum number of unacknowledged bytes from the server, and of bytes that this end keeps of its own messages. Each message
   * counts 64 bytes more than its length.
   * @default 1048576
   */
  readonly creditBytes?: number;
  /** Options of the lasting channel. @default logger and clock of the client */
  readonly channelOptions?: ChannelOptions;
}

/** Builds the pipeline of a lasting channel: a function or a template. */
export type LastingPipeline<R, W> = ChannelInitializer<R, W>;

const OPTIONS = describeOptions('LastingBootstrap', {
  windowMs: WINDOW_MS,
  creditBytes: CREDIT_BYTES,
  channelOptions: LASTING_CHANNEL_OPTIONS,
});
const CONNECT = describeOptions('connect', { signal: unchecked() });

const clients = new WeakMap<Channel, ReconnectingClient<never, never>>();

/**
 * A bootstrap for lasting channels, which outlive connections. The server needs a `ResumeHandler` at the end of its pipeline.
 *
 * ```text
 *  bootstrap                wire | frame | [heartbeat] | …       a link: one after another
 *                                                        ⇅
 *  .handler(pipeline)                     codec | sign-in | app  the lasting channel: stays
 * ```
 *
 * - **Messages** are whole, as written. Each message arrives exactly once and in order, if both processes live and no absence
 *   exceeds the window.
 * - **Writes** settle when the message is kept, with or without a link; `acknowledged(channel)` resolves when the server has the
 *   messages. If more is kept than the server's credit allows, the channel becomes unwritable.
 * - **Events** `LinkLostEvent`, `LinkResumedEvent` and `LinkMoveEvent` in the lasting pipeline.
 * - **The end** the channel fails with `RESUME_GONE` if the server no longer knows it, or if no link was made within the window.
 *   `unacknowledged(channel)` returns the messages that may not have arrived.
 *
 * @example
 * ```ts run
 * import { Bootstrap, MemoryNetwork, ServerBootstrap } from '@headrace/core';
 * import { lengthPrefixed, StringCodec } from '@headrace/codec';
 * import { EchoHandler } from '@headrace/handlers';
 * import {
 *   LastingBootstrap,
 *   type LastingChannel,
 *   linksOf,
 *   ResumeHandler,
 *   ResumeTable,
 * } from '@headrace/lasting';
 *
 * const framing = () => lengthPrefixed({ maxFrameLength: 65_536 });
 * const network = new MemoryNetwork();
 * const table = new ResumeTable();
 * const server = await new ServerBootstrap()
 *   .childHandler((link) => {
 *     const childHandler = (channel: LastingChannel) => channel.pipeline.addLast(new EchoHandler());
 *     link.pipeline.addLast(...framing(), new ResumeHandler({ table, childHandler }));
 *   })
 *   .bind({ network, name: 'echo' });
 *
 * const channel = await new LastingBootstrap({
 *   bootstrap: new Bootstrap().handler((link) => link.pipeline.addLast(...framing())),
 *   addresses: [{ network, name: 'echo' }],
 *   retry: () => 1,
 * })
 *   .handler((channel) => channel.pipeline.addLast(new StringCodec()))
 *   .connect();
 * linksOf(channel).channel?.abort(); // the link is cut
 * await channel.writeAndFlush('still here');
 * for await (const text of channel) {
 *   console.log(text);
 *   break;
 * }
 * // prints still here
 * await channel.closed;
 * await server.close();
 * ```
 */
export class LastingBootstrap<
  P = ConnectPlace,
  C extends Channel = Channel,
  R = unknown,
  W = unknown,
> {
  private readonly lasting: Resolved<LastingOptions, typeof OPTIONS.kinds>;
  private readonly links: ReconnectingClientOptions<P, C>;
  private build: ChannelBuilder | undefined = undefined;

  /** @throws OptionError if an option is not valid */
  constructor(options: LastingOptions<P, C>) {
    this.lasting = OPTIONS.part(options);
    if ((options as object as { readonly offline?: unknown }).offline !== undefined) {
      const text = 'a lasting channel keeps what is written itself: it has no offline queue';
      throw new OptionError('OPTION_CONFLICT', text, { option: 'offline' });
    }
    const { windowMs: _window, creditBytes: _credit, channelOptions: _own, ...links } = options;
    this.links = links;
    const { signal: _signal, ...checked } = links;
    // The constructor checks the options. The client is never started and keeps nothing.
    new ReconnectingClient(checked);
  }

  /**
   * Sets the function or the template that builds the pipeline of each lasting channel.
   *
   * @throws OptionError `OPTION_INVALID` for any other value
   */
  handler<R2, W2>(initialize: LastingPipeline<R2, W2>): LastingBootstrap<P, C, R2, W2> {
    this.build = builderOf('.handler', initialize);
    return this as unknown as LastingBootstrap<P, C, R2, W2>;
  }

  /**
   * Opens a lasting channel and resolves with it. Rejects with `RECONNECT_GIVEN_UP`, with `RESUME_GONE` if the server speaks
   * another version, or with the reason of the signal.
   *
   * @throws OptionError `OPTION_CONFLICT` without `.handler(…)`
   */
  async connect(cancel: { readonly signal?: AbortSignal } = {}): Promise<Channel<R, W>> {
    CONNECT.checkNames(cancel);
    const { links, lasting } = this;
    const build = required(this.build, '.handler(…)');
    const { clock, logger } = links;
    const client = new LastingClient<P, C>({ ...lasting, random: systemRandom }, links);
    const channel: unknown = await connectChannel(client.transport, {
      ...(clock && { clock }),
      ...(logger && { logger }),
      ...lasting.channelOptions,
      ...cancel,
      connectTimeoutMs: false,
      target: 'the server of a lasting channel',
      initialize: (opening) => {
        beginLasting(opening, client.transport);
        clients.set(opening, client.links as unknown as ReconnectingClient<never, never>);
        return build(opening);
      },
    });
    return channel as Channel<R, W>;
  }
}

/**
 * Returns the client that makes the links of a lasting channel, for its `state` and `networkChanged()`.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is not a lasting channel of a client
 */
export function linksOf(channel: Channel): ReconnectingClient {
  const client = clients.get(channel);
  if (client !== undefined) return client as unknown as ReconnectingClient;
  throw new PipelineError('PIPELINE_STATE', `${channel} is not a lasting channel of a client`);
}
