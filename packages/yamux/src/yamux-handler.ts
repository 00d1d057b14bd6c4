import type { Buffer } from 'node:buffer';
import {
  type Channel,
  type ChannelOptions,
  type CloseReason,
  type ConnectChannelOptions,
  type Context,
  connectChannel,
  type Direction,
  DrainStartEvent,
  type Handler,
  MemoryTransport,
  type MessageKinds,
  type OutboundBytes,
  openChannel,
  PipelineError,
  type PipelineTemplate,
  type Transport,
  type TransportSink,
  type WriteFuture,
} from '@headrace/core';
import {
  builder,
  builderOf,
  CHANNEL_OPTIONS,
  channelOf,
  choice,
  DrainGate,
  describeOptions,
  markPeerLeaving,
  type Resolved,
  SettableFuture,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import { GoAwayEvent } from './go-away-event.ts';
import { Substream } from './substream.ts';
import { INITIAL_WINDOW } from './yamux-frame.ts';
import { type SessionLink, YamuxSession } from './yamux-session.ts';

/** Builds the pipeline of each substream: a function, which adds new handlers, or a template. */
export type SubstreamPipeline =
  | ((channel: Channel<Buffer, OutboundBytes>) => unknown)
  | PipelineTemplate<unknown, unknown>;

/** Options of a {@link YamuxHandler}. */
export interface YamuxOptions {
  /** Role of this end: `client` if this end opened the connection. The role decides the numbers of substreams. */
  readonly role: 'client' | 'server';
  /** Builds the pipeline of each substream that the peer opens. @default the peer may open none */
  readonly childHandler?: SubstreamPipeline;
  /**
   * Options of the channels of the peer's substreams.
   * @default those of any channel, with the logger and the clock of the connection
   */
  readonly childOptions?: ChannelOptions;
  /** Maximum number of open substreams of the peer. Further substreams are refused by a reset. @default 100 */
  readonly maxSubstreams?: number;
  /** Bytes that the peer may send on a substream before this end reads them. The protocol's minimum is 262144. @default 262144 */
  readonly windowBytes?: number;
}

/** Options of {@link YamuxHandler.open}. */
export type SubstreamOptions = Omit<ConnectChannelOptions, 'initialize' | 'parent'>;

const OPTIONS = describeOptions('YamuxHandler', {
  role: choice(['client', 'server'], { required: true }),
  childHandler: builder('a substream'),
  childOptions: unchecked({ default: {} }),
  maxSubstreams: whole({ min: 1, default: 100 }),
  windowBytes: whole({ min: INITIAL_WINDOW, max: 2 ** 31 - 1, default: INITIAL_WINDOW }),
});

/**
 * A handler that carries many channels over one connection, by the yamux protocol. Each substream is a channel with its own
 * pipeline, and either end can open substreams. The handler is tested with Go's `hashicorp/yamux`. Other implementations follow
 * the same specification.
 *
 * ```text
 *  wire | [tls] | [web socket] | YamuxHandler        | frame | codec | app   of substream 1
 *                                                    | frame | codec | app   of substream 2
 * ```
 *
 * **Place**: last in the pipeline of a connection of bytes: TCP, TLS, a WebSocket.
 * **In**: bytes, which become the reads of the substreams. Other messages pass.
 * **Out**: nothing passes from later handlers. While the connection is writable, the substreams write in turns, at most 16 KiB
 * each.
 * **Events**: fires {@link GoAwayEvent}. A drain of the connection sends a go away, drains the substreams, and waits until all
 * have ended.
 * **Errors**: `MESSAGE_INVALID` for a peer that breaks the rules. The connection then ends with a go away.
 * **State**: per channel.
 * **Cost**: 12 bytes for each frame, and one more copy of a substream's bytes in each direction. Memory is at most `windowBytes`
 * for each substream that does not read, and 64 KiB for each substream that cannot send.
 * **Pitfalls**: a substream that does not read holds only itself. The reads of the connection are never held. A peer acknowledges
 * reads when they reach half of a window. A peer that reads less within `outboundStallMs` counts as stalled. The loss of a peer
 * is not noticed while nothing is sent to it. Put an idle handler before this handler, and `ping` at its event.
 *
 * @example
 * ```ts run
 * import { YamuxHandler } from '@headrace/yamux';
 * import { connectedPair } from '@headrace/core/testing';
 *
 * const client = new YamuxHandler({ role: 'client' });
 * const { clock } = connectedPair({
 *   client: (channel) => void channel.pipeline.addLast(client),
 *   server: (channel) =>
 *     void channel.pipeline.addLast(
 *       new YamuxHandler({
 *         role: 'server',
 *         childHandler: (substream) =>
 *           void substream.pipeline.addLast({
 *             channelRead: (ctx, bytes) => void ctx.writeAndFlush(bytes),
 *           }),
 *       }),
 *     ),
 * });
 * const opening = client.open((substream) =>
 *   void substream.pipeline.addLast({
 *     channelRead: (_ctx, bytes) => console.log(String(bytes)),
 *   }),
 * );
 * clock.advance(0);
 * const substream = await opening;
 * clock.run(() => substream.writeAndFlush(Buffer.from('hello')));
 * // prints hello
 * ```
 * @see https://github.com/hashicorp/yamux/blob/master/spec.md
 */
export class YamuxHandler implements Handler {
  declare readonly sharable?: false;
  readonly messageKinds: MessageKinds = { writes: 'bytes' };
  private readonly settings: Resolved<YamuxOptions, typeof OPTIONS.kinds>;
  private readonly again: () => YamuxHandler;
  private readonly gate = new DrainGate('substreams', () => this.size > 0);
  private readonly channels = new Set<Channel>();
  private ctx: Context | undefined = undefined;
  private session: YamuxSession | undefined = undefined;
  /** Future of the end of the connection's output. */
  private ending: SettableFuture | undefined = undefined;

  /** @throws OptionError if an option is not valid */
  constructor(options: YamuxOptions) {
    const settings = OPTIONS.resolve(options);
    CHANNEL_OPTIONS.checkNames(settings.childOptions, '.childOptions');
    this.settings = settings;
    this.again = () => new YamuxHandler(options);
  }

  get userEvents(): { readonly fires: readonly 'GoAwayEvent'[] } {
    return { fires: ['GoAwayEvent'] };
  }

  fresh(): YamuxHandler {
    return this.again();
  }

  /** Number of substreams that are open, or whose last bytes have not left. */
  get size(): number {
    return this.session?.size ?? 0;
  }

  /**
   * Opens a substream. Resolves with its channel, which accepts writes at once. If the peer refuses the substream, a reset
   * arrives later.
   *
   * @param initialize - builds the pipeline of the substream
   * @throws OptionError `OPTION_INVALID` if `initialize` is neither a function nor a template
   * @throws PipelineError `PIPELINE_STATE` before the handler is in the pipeline of a channel that has started
   * @throws ChannelError `CHANNEL_REFUSED` if the peer takes no more substreams, or the connection has ended
   */
  async open(initialize: SubstreamPipeline, options: SubstreamOptions = {}): Promise<Channel> {
    const transport = this.transport();
    const { channel } = this.ctx!;
    return await connectChannel(transport, {
      target: 'a substream',
      ...options,
      parent: channel,
      initialize: builderOf('open()', initialize),
    });
  }

  /**
   * Makes the transport of a new substream, for `connect({ transport })` of a `Bootstrap`.
   *
   * @throws PipelineError `PIPELINE_STATE` before the handler is in the pipeline of a channel that has started
   */
  transport(): Transport {
    const { session } = this;
    if (session === undefined) {
      const text =
        'a YamuxHandler opens substreams once it is in the pipeline of a channel that has started';
      throw new PipelineError('PIPELINE_STATE', text);
    }
    const substream = new Substream(session, true);
    return this.over(session, substream, () => session.dial(substream));
  }

  /**
   * Resolves with the round-trip time to the peer, in milliseconds. Calls while a ping is under way share its result.
   *
   * @throws PipelineError `PIPELINE_STATE` before the handler is in the pipeline of a channel that has started
   */
  async ping(): Promise<number> {
    const { session } = this;
    if (session === undefined)
      throw new PipelineError('PIPELINE_STATE', 'a YamuxHandler pings on a channel');
    return await session.pingPeer();
  }

  private over(session: YamuxSession, substream: Substream, dial?: () => Error | undefined) {
    const { clock } = this.ctx!.channel;
    const opened = (sink: TransportSink): undefined => {
      const channel = channelOf(sink)?.channel;
      if (channel === undefined) return;
      substream.hasChannel = true;
      this.channels.add(channel);
      channel.onClosed(() => {
        this.channels.delete(channel);
        session.channelClosed(substream);
      });
    };
    return MemoryTransport.over(
      { nextTurn: (task) => clock.nextTurn(task), opened },
      substream,
      dial,
    );
  }

  // --- the connection ---

  handlerAdded(ctx: Context): void {
    const { role, childHandler, maxSubstreams, windowBytes } = this.settings;
    this.ctx = ctx;
    const limits = {
      isClient: role === 'client',
      maxSubstreams: childHandler === undefined ? 0 : maxSubstreams,
      windowBytes,
    };
    const session = new YamuxSession(limits, this.linkOf(ctx));
    this.session = session;
    if (ctx.isActive) session.up();
  }

  private linkOf(ctx: Context): SessionLink {
    const { channel } = ctx;
    return {
      clock: channel.clock,
      get isWritable() {
        return channel.isWritable;
      },
      get localAddress() {
        return channel.localAddress;
      },
      get remoteAddress() {
        return channel.remoteAddress;
      },
      write: (frame: Buffer) => void ctx.write(frame),
      flush: () => ctx.flush(),
      accepted: (substream) => this.accept(this.over(this.session!, substream), channel),
      wentAway: (code) => {
        if (code === 0) markPeerLeaving(channel);
        ctx.fireUserEventTriggered(new GoAwayEvent(code));
      },
      violated: (error) => {
        ctx.fireExceptionCaught(error);
        if (channel.isOpen) channel.close('bad-input');
      },
      released: () => this.gate.update(),
    };
  }

  /** @internal Starts the channel of a substream that the peer has opened. */
  protected accept(transport: Transport, parent: Channel): void {
    const { childHandler, childOptions } = this.settings;
    openChannel(transport, { ...childOptions, parent, initialize: childHandler! });
  }

  channelActive(ctx: Context): void {
    this.session!.up();
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, message: unknown): void {
    if (message instanceof Uint8Array) this.session!.read(message);
    else ctx.fireChannelRead(message);
  }

  channelWritabilityChanged(ctx: Context): void {
    this.session!.writable();
    ctx.fireChannelWritabilityChanged();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainStartEvent) {
      for (const { pipeline } of [...this.channels])
        pipeline.fireUserEventTriggered(new DrainStartEvent(event));
    } else if (this.gate.see(event)) {
      if (event.endsChannel) this.session!.goAway();
      for (const { pipeline } of [...this.channels])
        pipeline.fireUserEventTriggered(event.forChild());
    }
    ctx.fireUserEventTriggered(event);
  }

  shutdown(ctx: Context, direction: Direction): WriteFuture {
    if (direction === 'input') return ctx.shutdown(direction);
    if (this.ending !== undefined) return this.ending;
    const future = new SettableFuture();
    this.ending = future;
    this.session!.finish(() => {
      ctx.shutdown(direction).onSettled((error) => {
        if (error === undefined) future.succeed();
        else future.fail(error);
      });
    });
    return future;
  }

  close(ctx: Context, reason: CloseReason): WriteFuture {
    this.session!.goAway();
    if (ctx.isActive) ctx.flush();
    return ctx.close(reason);
  }

  channelInactive(ctx: Context): void {
    this.ended(ctx);
    ctx.fireChannelInactive();
  }

  channelUnregistered(ctx: Context): void {
    this.ended(ctx);
    ctx.fireChannelUnregistered();
  }

  handlerRemoved(ctx: Context): void {
    this.ended(ctx);
  }

  private ended({ channel }: Context): void {
    this.session!.end(channel.closeInfo ?? { reason: 'local', by: 'local', error: undefined });
  }
}
