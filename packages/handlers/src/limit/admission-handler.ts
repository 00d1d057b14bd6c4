import {
  type Channel,
  CLIENT_ADDRESS,
  type Context,
  type Handler,
  type HandlerEvents,
  type RejectedError,
  registerChannel,
  type Timer,
  TlsHandshakeEvent,
  type Types,
} from '@headrace/core';
import {
  callSafely,
  checkKind,
  custom,
  describeOptions,
  flag,
  fn,
  type Resolved,
  readOn,
  whole,
} from '@headrace/core/authoring';
import { reportRefusal } from './report-refusal.ts';

/** Options common to the handlers that refuse connections. */
export interface AdmissionOptions {
  /**
   * Called when a connection was refused. The function may send a last message: add handlers, write, and call `end()`. The
   * connection stays open for `lastWordMs`, through the TLS handshake, and its input is dropped. To only count or log
   * refusals, set `lastWordMs: false`. Without this function, the connection is closed at once, and the first refusal of each
   * kind at a listener is logged as a warning.
   */
  readonly onRefused?: (child: Channel, error: RejectedError) => void;
  /**
   * Maximum time that a refused connection stays open for its last message, in milliseconds. `false` means no last message:
   * the connection is closed when `onRefused` returns, before its TLS handshake.
   * @default 1000
   */
  readonly lastWordMs?: number | false;
  /**
   * Maximum number of refused connections that stay open for their last message. Further connections are closed at once,
   * without a call of `onRefused`.
   * @default 100
   */
  readonly maxLastWords?: number;
  /**
   * Whether to decide later, when a PROXY header has shown the client's address. For a handler in a connection's own pipeline,
   * after a PROXY decoder.
   * @default false
   */
  readonly waitForClient?: boolean;
}

const LAST_WORD_TIME = 'a positive number of milliseconds, or false for no last message';

/** Returns the time, or 0 for `false`. Refuses `Infinity`, which would keep refused connections open. */
function lastWordTime(name: string, given: number | false): number {
  if (given === false) return 0;
  return Math.max(1, checkKind(name, given, Number.isFinite(given) && given > 0, LAST_WORD_TIME));
}

export const ADMISSION_OPTIONS = describeOptions('AdmissionHandler', {
  onRefused: fn({ answers: 'async', purpose: 'receives each refused connection' }),
  lastWordMs: custom(LAST_WORD_TIME, lastWordTime, { default: 1000 }, true),
  maxLastWords: whole({ default: 100 }),
  waitForClient: flag({ default: false }),
});

const EVENTS: HandlerEvents = { answers: ['ProxyProtocolEvent'] };

/**
 * A handler that decides which connections are accepted, before they have pipelines (in the pipeline of the listening channel),
 * or in their own pipelines. One instance serves all connections, because it counts them.
 */
export abstract class AdmissionHandler implements Handler {
  declare readonly types: Types;
  readonly sharable = true;
  private readonly admission: Resolved<AdmissionOptions, typeof ADMISSION_OPTIONS.kinds>;
  private lastWords = 0;

  constructor(options: AdmissionOptions) {
    this.admission = ADMISSION_OPTIONS.part(options);
  }

  /** With `waitForClient`, the handler needs the event of the PROXY header to decide. */
  get userEvents(): HandlerEvents | undefined {
    return this.admission.waitForClient ? EVENTS : undefined;
  }

  /** Returns the error of the refusal, or counts the connection. */
  protected abstract admit(child: Channel): RejectedError | undefined;

  // --- in the pipeline of the listening channel ---

  channelRead(ctx: Context, message: unknown): void {
    if (!ctx.channel.isServer) {
      ctx.fireChannelRead(message);
      return;
    }
    const child = message as Channel;
    const error = this.admitOrClose(child);
    if (error === undefined) ctx.fireChannelRead(child);
    else {
      this.refuse(child, error, ctx.channel);
      readOn(ctx);
    }
  }

  // --- in the connection's own pipeline ---

  handlerAdded(ctx: Context): void {
    if (ctx.channel.isServer || this.admission.waitForClient) return;
    if (ctx.channel.isActive || ctx.channel.remoteAddress !== undefined) this.decide(ctx);
  }

  channelActive(ctx: Context): void {
    const isLater = ctx.channel.isServer || this.admission.waitForClient;
    if (isLater || this.decide(ctx, true)) ctx.fireChannelActive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    const isKnown = this.admission.waitForClient && ctx.channel.attributes.has(CLIENT_ADDRESS);
    if (isKnown && !ctx.channel.isServer && !this.decide(ctx)) return;
    ctx.fireUserEventTriggered(event);
  }

  /**
   * Decides once for each connection, because the handler leaves the pipeline with the decision. A last message waits until the
   * handlers before this one pass `channelActive` on, for example after a TLS handshake. Returns false after a refusal.
   *
   * @param isHiding - whether the handlers after this one have not seen the channel active
   */
  private decide(ctx: Context, isHiding = false): boolean {
    const { channel, isActive } = ctx;
    const dropping = new DroppingHandler();
    dropping.isHiding = isHiding;
    ctx.pipeline.replace(this, dropping);
    const error = this.admitOrClose(channel);
    if (error === undefined) {
      ctx.pipeline.remove(dropping);
      return true;
    }
    const refuse = (): void => this.refuse(channel, error, channel);
    if (isActive || (channel.isActive && !this.hasLastWord)) refuse();
    else dropping.whenActive = refuse;
    return false;
  }

  private get hasLastWord(): boolean {
    const { onRefused, lastWordMs } = this.admission;
    return onRefused !== undefined && lastWordMs !== 0;
  }

  /** Decides, and closes the connection if the decision throws. */
  private admitOrClose(child: Channel): RejectedError | undefined {
    try {
      return this.admit(child);
    } catch (thrown) {
      child.close('error');
      throw thrown;
    }
  }

  /** Logs a refusal that the program does not receive. */
  private reportUnseen(error: RejectedError, place: Channel): void {
    if (this.admission.onRefused !== undefined) return;
    const text = `${this.constructor.name} refused a connection: ${error.message}`;
    reportRefusal(place, error.code, text);
  }

  /** @param place - the channel whose pipeline this handler is in */
  private refuse(child: Channel, error: RejectedError, place: Channel): void {
    const { onRefused, lastWordMs, maxLastWords } = this.admission;
    this.reportUnseen(error, place);
    if (onRefused !== undefined && lastWordMs === 0) report(child, error, onRefused);
    if (onRefused === undefined || !this.hasLastWord || this.lastWords >= maxLastWords) {
      child.close('refused');
      return;
    }
    this.lastWords += 1;
    let deadline: Timer | undefined;
    child.onClosed(() => {
      this.lastWords -= 1;
      deadline?.cancel();
    });
    const speak = (channel: Channel): void => report(channel, error, onRefused);
    if (child.isRegistered) speak(child);
    else registerChannel(child, speak);
    if (child.isOpen) {
      deadline = child.clock.deadlines.schedule(() => child.close('refused'), lastWordMs);
    }
  }
}

/** Calls `onRefused`. If the function fails, logs the error and closes the connection. */
function report(
  channel: Channel,
  error: RejectedError,
  onRefused: (child: Channel, error: RejectedError) => void,
): void {
  callSafely(
    () => onRefused(channel, error),
    undefined,
    (failure) => {
      channel.logger.log('error', `${channel} onRefused failed: ${failure.message}`, failure);
      channel.close('refused');
    },
  );
}

/** A handler that drops the input of a refused connection. */
class DroppingHandler implements Handler {
  whenActive: () => void = () => {};
  isHiding = false;

  /** The handlers after this one never see a refused connection. */
  channelActive(): void {
    this.isHiding = true;
    this.whenActive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (!(event instanceof TlsHandshakeEvent)) ctx.fireUserEventTriggered(event);
  }

  channelInactive(ctx: Context): void {
    if (!this.isHiding) ctx.fireChannelInactive();
  }

  channelRead(): void {}
}
