import {
  type Channel,
  type ChannelOptions,
  type Context,
  DrainEvent,
  DrainStartEvent,
  type Handler,
  openChannel,
  TimedOutError,
  type Timer,
  type Types,
} from '@headrace/core';
import {
  builder,
  callInContext,
  describeOptions,
  fn,
  type Resolved,
  value,
} from '@headrace/core/authoring';
import {
  beginLasting,
  LASTING_CHANNEL_OPTIONS,
  type LastingChannel,
  type LastingInitializer,
} from '../channel/lasting-channel.ts';
import {
  decodeResumeFrame,
  encodeResumeFrame,
  GONE_CODE,
  invalidFrame,
} from '../protocol/resume-frame.ts';
import type { ResumeTerms, WantedTerms } from '../protocol/resume-machine.ts';
import { codeOf, type GoneReason } from './gone-reason.ts';
import type { ResumeSession } from './resume-session.ts';
import { ResumeTable, type ResumeVerdict } from './resume-table.ts';

/** Options of a {@link ResumeHandler}. */
export interface ResumeHandlerOptions {
  /** Table of the server's lasting channels, shared by all handlers. */
  readonly table: ResumeTable;
  /** Builds the pipeline of each lasting channel. The second parameter is the link over which the channel was opened. */
  readonly childHandler: LastingInitializer;
  /** Options of the lasting channels. @default logger and clock of the link */
  readonly childOptions?: ChannelOptions;
  /**
   * Returns the application's state of a channel as plain data: strings, numbers, booleans, lists and literals. If the table has
   * a log, `save` is called for each record, so the state should be small. A `PRINCIPAL` that is plain data is kept without
   * `save`.
   */
  readonly save?: (channel: LastingChannel) => unknown;
  /**
   * Restores the state that `save` returned in another process. Called when the pipeline is built, before the first message.
   * @default the state is dropped
   */
  readonly restore?: (channel: LastingChannel, saved: unknown) => void;
}

const OPTIONS = describeOptions('ResumeHandler', {
  table: value<ResumeTable, { readonly required: true }>(
    'a ResumeTable',
    (given) => given instanceof ResumeTable,
    { required: true },
  ),
  childHandler: builder('a lasting channel', { required: true }),
  childOptions: LASTING_CHANNEL_OPTIONS,
  save: fn({ answers: 'sync', purpose: 'gives what the application knows of a channel' }),
  restore: fn({ answers: 'sync', takes: 2, purpose: 'gives a channel back what was saved' }),
});

/** A client's RESUME. */
interface ResumeRequest extends ResumeTerms {
  readonly id: string;
}

/** Delay of a refusal, which is the same for every cause. */
const REFUSAL_MS = 100;
const ignore = (): void => {};

/**
 * The server's end of a lasting channel. The handler carries a new or a resumed lasting channel over the connection of its
 * pipeline.
 *
 * ```text
 *  wire | [idle] | frame | [heartbeat] | [resume]      the link: one of many
 *                                           ⇅
 *                            codec | auth | app        the lasting channel: stays
 * ```
 *
 * - **Place** Last in the link's pipeline, after the frame handlers. Heartbeats and idle times belong in the link's pipeline.
 *   Codec, sign-in, groups and the application belong in the pipeline of `childHandler`.
 * - **In** Frames of the link, as bytes. A frame contains one message of the lasting channel, or several short messages.
 * - **Out** Nothing; the lasting channel reads and writes.
 * - **Events** Fires `LinkLostEvent` and `LinkResumedEvent` in the lasting pipeline. Forwards `DrainStartEvent` and `DrainEvent`
 *   there. The drain of the link waits until the lasting channel has ended.
 * - **Errors** `HR_ERR_MESSAGE_INVALID` for frames that break the protocol: link and lasting channel end as `bad-input`.
 *   `HR_ERR_MESSAGE_REFUSED` if the same message of the client ended three links in a row.
 *   `HR_ERR_TIMEOUT_READ` if no frame arrives within `helloTimeoutMs`. A lasting channel whose client does not return closes as
 *   `unreachable`, or as `limit`, with a `HR_ERR_RESUME_GONE` in its `closeInfo`.
 * - **State** Per link; the table has the state of the lasting channels. A client has signed in if its channel's attribute
 *   `PRINCIPAL` is set. An `AuthHandler` or a custom sign-in sets the attribute. The table gives up other clients first.
 * - **Cost** A copy of each written message until its acknowledgement, and of each short message that waits for the pipeline; an
 *   acknowledgement of 7 bytes for 64 messages.
 * - **Pitfalls** A write settles when the message is kept, not when it is sent: see `acknowledged`. A framing of your own should
 *   name its `messageLimits`, so that a message that is too long fails at its writer. Otherwise, such a message ends three links,
 *   and then the channel. An earlier handler that holds reads of the link also holds the acknowledgements.
 *
 * @example
 * ```ts run
 * import { ServerBootstrap } from '@headrace/core';
 * import { lengthPrefixed } from '@headrace/codec';
 * import { EchoHandler } from '@headrace/handlers';
 * import { ResumeHandler, ResumeTable } from '@headrace/lasting';
 *
 * const table = new ResumeTable({ windowMs: 60_000 });
 * await using server = await new ServerBootstrap()
 *   .childHandler((link) => {
 *     link.pipeline.addLast(
 *       ...lengthPrefixed({ maxFrameLength: 65_536 }),
 *       new ResumeHandler({
 *         table,
 *         childHandler: (channel) => channel.pipeline.addLast(new EchoHandler()),
 *       }),
 *     );
 *   })
 *   .bind({ port: 0, host: '127.0.0.1' });
 * console.log(table.size);
 * // prints 0
 * ```
 * @see XEP-0198 (stream management) and the session of MQTT, 3.1.2.4
 */
export class ResumeHandler implements Handler {
  declare readonly types: Types<{ reads: Buffer }>;
  private readonly table: ResumeTable;
  private readonly settings: Resolved<ResumeHandlerOptions, typeof OPTIONS.kinds>;
  private session: ResumeSession | undefined = undefined;
  private hasGreeted = false;
  private isRefused = false;
  /** Deadline of the first frame, or time until an answer. */
  private timer: Timer | undefined = undefined;

  constructor(options: ResumeHandlerOptions) {
    this.settings = OPTIONS.resolve(options);
    this.table = this.settings.table;
  }

  /** Returns a handler for another link. */
  fresh(): ResumeHandler {
    return new ResumeHandler(this.settings as ResumeHandlerOptions);
  }

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  channelInactive(ctx: Context): void {
    this.timer?.cancel();
    this.session?.transport.loseLink(ctx);
    ctx.fireChannelInactive();
  }

  private start(ctx: Context): void {
    if (this.timer !== undefined || this.hasGreeted) return;
    const { helloTimeoutMs } = this.table;
    // The deadline limits strangers, so it continues while reads are held.
    this.timer = ctx.deadline({ ms: helloTimeoutMs, whileHeld: 'runs' }, () => {
      const text = `no first frame of a lasting channel within ${helloTimeoutMs} ms`;
      ctx.fireExceptionCaught(
        new TimedOutError('TIMEOUT_READ', text, { timeoutMs: helloTimeoutMs }),
      );
      ctx.close('timeout');
    });
  }

  // --- frames ---

  channelRead(ctx: Context, frame: Buffer): void {
    const { session } = this;
    if (session !== undefined) {
      const error = session.transport.frame(ctx, frame);
      if (error !== undefined) this.refuseInput(ctx, error);
    } else if (!this.isRefused) {
      try {
        this.sendHello(ctx, frame);
      } catch (thrown) {
        this.refuseInput(ctx, thrown as Error);
      }
    }
  }

  channelReadComplete(ctx: Context): void {
    this.session?.transport.frameComplete(ctx);
    ctx.fireChannelReadComplete();
  }

  channelWritabilityChanged(ctx: Context): void {
    this.session?.transport.linkWritable(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    const lasting = this.session?.transport.channel;
    if (event instanceof DrainStartEvent) this.startDrain(event);
    else if (event instanceof DrainEvent && lasting?.isOpen === true) {
      const hold = event.hold('lasting channel');
      lasting.onClosed(() => hold.release());
      lasting.pipeline.fireUserEventTriggered(event.forChild());
    }
    ctx.fireUserEventTriggered(event);
  }

  private startDrain(event: DrainStartEvent | undefined): void {
    if (event === undefined) return;
    const { pipeline } = this.session?.transport.channel ?? {};
    pipeline?.fireUserEventTriggered(new DrainStartEvent(event));
  }

  /** Handles the first frame. */
  private sendHello(ctx: Context, bytes: Buffer): void {
    if (!(bytes instanceof Uint8Array)) {
      throw invalidFrame(
        Buffer.alloc(0),
        'the input is not bytes: a frame decoder is missing before it',
      );
    }
    const frame = decodeResumeFrame(bytes);
    this.timer?.cancel();
    this.timer = undefined;
    this.hasGreeted = true;
    if (frame.kind === 'open') this.open(ctx, frame);
    else if (frame.kind === 'resume') this.resume(ctx, bytes, frame);
    else if (frame.kind === 'other-version') {
      this.gone(ctx, 'version', `version ${frame.version} is not supported here`);
    } else throw invalidFrame(bytes, `a link begins with OPEN or RESUME, not with ${frame.kind}`);
  }

  private open(ctx: Context, wanted: WantedTerms): void {
    const session = this.table.open(wanted, ctx, this.settings.save as never);
    this.session = session;
    this.openChannel(session, ctx.channel);
    session.logged?.opened();
    this.startDrain(DrainStartEvent.seenBy(ctx.channel));
  }

  /** @internal Creates the lasting channel of a transport. */
  protected openChannel(session: ResumeSession, link: Channel): void {
    const { childHandler, childOptions } = this.settings;
    const { transport } = session;
    const { clock, logger } = link;
    openChannel(transport, {
      clock,
      logger,
      ...childOptions,
      initialize: (channel) => {
        beginLasting(channel, transport);
        return childHandler(channel, link);
      },
    });
  }

  // --- resuming ---

  private resume(ctx: Context, bytes: Buffer, frame: ResumeRequest): void {
    const verdict = this.table.find(frame.id, frame.secret);
    if ('do' in verdict && verdict.do === 'look-up') void this.lookUp(ctx, bytes, frame);
    else this.decided(ctx, bytes, frame, verdict);
  }

  /** Searches for a channel that another process may have stored. */
  private async lookUp(ctx: Context, bytes: Buffer, frame: ResumeRequest): Promise<void> {
    const { childHandler, childOptions, save, restore } = this.settings;
    const { channel } = ctx;
    const { clock, logger } = channel;
    const build = (lasting: LastingChannel) => childHandler(lasting as never, channel);
    const options = {
      childHandler: build,
      childOptions: { clock, logger, ...childOptions },
      save: save as never,
      restore: restore as never,
    };
    // The client sends nothing before the answer.
    this.isRefused = true;
    const verdict = await this.table.lookUp(frame, channel, options);
    if (!channel.isActive) return;
    this.isRefused = false;
    callInContext(ctx, () => this.decided(ctx, bytes, frame, verdict));
  }

  private decided(ctx: Context, bytes: Buffer, frame: ResumeRequest, verdict: ResumeVerdict): void {
    if (!('session' in verdict)) {
      this.isRefused = true;
      const refuse = (): void => {
        if ('do' in verdict) this.retryLater(ctx, verdict.do === 'busy');
        else this.gone(ctx, verdict.gone, '', frame.id);
      };
      this.timer = ctx.clock.deadlines.schedule(refuse, REFUSAL_MS);
      return;
    }
    const { session } = verdict;
    this.session = session;
    const action = session.transport.resume(ctx, bytes, frame);
    if (action.do === 'resumed') {
      this.startDrain(DrainStartEvent.seenBy(ctx.channel));
      return;
    }
    this.session = undefined;
    if (action.do === 'gone') this.gone(ctx, 'position', action.text, frame.id);
    else if (action.do === 'fail') this.refuseInput(ctx, action.error);
  }

  /** Tells the client that the channel may come here, or go on elsewhere, in a moment. A busy server gives no time. */
  private retryLater(ctx: Context, isBusy: boolean): void {
    if (!ctx.channel.isActive) return;
    if (!isBusy) {
      const code = GONE_CODE.unknown;
      const frame = encodeResumeFrame({ kind: 'gone', code, retryAfterMs: REFUSAL_MS, text: '' });
      ctx.writeAndFlush(frame).onSettled(ignore);
    }
    ctx.channel.end({ reason: 'moved' });
  }

  private gone(ctx: Context, reason: GoneReason, text: string, id?: string): void {
    this.isRefused = true;
    if (!ctx.channel.isActive) return;
    this.table.reportGone(ctx.channel, reason, id);
    const code = codeOf(reason);
    const frame = encodeResumeFrame({ kind: 'gone', code, retryAfterMs: 0, text });
    ctx.writeAndFlush(frame).onSettled(ignore);
    ctx.channel.end();
  }

  private refuseInput(ctx: Context, error: Error): void {
    this.isRefused = true;
    this.timer?.cancel();
    ctx.fireExceptionCaught(error);
    ctx.channel.end({ reason: 'bad-input' });
  }
}
