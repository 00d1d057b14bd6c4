import {
  type Channel,
  ChannelError,
  CLIENT_ADDRESS,
  type Context,
  type Handler,
  RejectedError,
  TimedOutError,
  type Timer,
  type TlsServerContext,
  type TrustedPeers,
  upgradeToTls,
  type WriteFuture,
} from '@headrace/core';
import {
  addressText,
  callInContext,
  choice,
  describeOptions,
  type KeptEvent,
  PendingWriteQueue,
  peerOf,
  type TrustCheck,
  time,
  trustCheck,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import { ByteToMessageDecoder } from '../base/byte-to-message-decoder.ts';
import { PROXY_HEADER, type ProxyHeader } from './proxy-header.ts';
import { ProxyHeaderReader, type ProxyRefusal } from './proxy-header-reader.ts';
import { ProxyProtocolEvent } from './proxy-protocol-event.ts';

/** Options of {@link ProxyProtocolDecoder}. */
export interface ProxyProtocolDecoderOptions {
  /** The peers whose headers are trusted. Any other peer could pretend to be any client. */
  readonly trusted: TrustedPeers;
  /**
   * The treatment of connections from other peers. `'refuse'` closes the connections. `'as-data'` treats the peer as a client,
   * and its header as data. With `tls`, the peer begins with TLS.
   * @default 'refuse'
   */
  readonly others?: 'refuse' | 'as-data';
  /**
   * Maximum time from the start of the connection to the end of the header, in milliseconds, or `false` for no limit. The time
   * stands still while reads are held, and while `autoRead` is off and no read was requested.
   * @default 5000
   */
  readonly headerTimeoutMs?: number | false;
  /**
   * Maximum number of bytes of a version 2 header in addition to the 232 bytes that the longest addresses need. At most 32 TLVs
   * are allowed.
   * @default 4096
   */
  readonly maxTlvBytes?: number;
  /** The moment at which input that is not a header is refused. @default 'at-once' */
  readonly refusal?: ProxyRefusal;
  /**
   * TLS context of this server, for a proxy that passes the client's TLS through. TLS then begins after the header. Writes before
   * the handshake wait for it.
   * @default no TLS
   */
  readonly tls?: TlsServerContext;
}

const OPTIONS = describeOptions('ProxyProtocolDecoder', {
  trusted: unchecked({ required: true }),
  others: choice(['refuse', 'as-data'], { default: 'refuse' }),
  headerTimeoutMs: time({ default: 5000 }),
  maxTlvBytes: whole({ default: 4096 }),
  refusal: choice(['at-once', 'when-too-long', 'at-its-end'], { default: 'at-once' }),
  tls: unchecked(),
});

const EVENTS = { fires: ['ProxyProtocolEvent'] } as const;

/**
 * Takes the PROXY header, version 1 or 2, from the beginning of a connection, and announces the client's address. Then the
 * decoder removes itself.
 *
 * ```text
 *  BEFORE "PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\nhello"  →  AFTER "hello"
 *
 *  wire | [PROXY] | frame | codec | app
 * ```
 *
 * - **Place** First after the transport. The header itself is never encrypted. If a proxy passes TLS through, bind the server
 *   without `tls`, and set `tls` on this handler.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** The bytes after the header, unchanged.
 * - **Events** Sets `CLIENT_ADDRESS` (read it with `clientAddress(channel)`) and {@link PROXY_HEADER}, then fires a
 *   {@link ProxyProtocolEvent} once, by which limits decide. Holds `channelActive` back until then, and with `tls` until the
 *   handshake is complete. Without `channelActive`, no `channelInactive` passes. If a listener of the event ends the channel,
 *   nothing follows.
 * - **Errors** `HR_ERR_FRAME_CORRUPT` and `HR_ERR_FRAME_TOO_LONG` for input that is not a header. `HR_ERR_TIMEOUT_READ` for a
 *   header that does not arrive in time. These errors are fired as `exceptionCaught`, and then the channel ends.
 *   `HR_ERR_REJECTED_PEER` for a peer that is not trusted. This error is only logged, at level info. The close reason is
 *   `refused`. `HR_ERR_CHANNEL_CLOSED` for a write that waited for TLS.
 * - **State** The header of one connection.
 * - **Cost** No cost after the header has been read.
 * - **Pitfalls** `channel.isActive` is true before the header is known: a handler that is added meanwhile asks `ctx.isActive`. Limits
 *   at the listening socket apply to the proxy, and not to the client. If the decoder is removed before the handshake, the
 *   handlers after it never become active.
 *
 * @example
 * ```ts run
 * import { ProxyProtocolDecoder } from '@headrace/codec';
 * import { clientAddress } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: 'any' }));
 * channel.writeInbound(Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\nhello'));
 * console.log(clientAddress(channel), String(channel.readInbound()));
 * // prints { host: '203.0.113.7', port: 51000, family: 'IPv4' } hello
 * ```
 * @see Netty's `HAProxyMessageDecoder`, HAProxy's `doc/proxy-protocol.txt`
 */
export class ProxyProtocolDecoder extends ByteToMessageDecoder<Buffer> implements Handler {
  private readonly isTrusted: TrustCheck;
  private readonly others: 'refuse' | 'as-data';
  private readonly headerTimeoutMs: number;
  private readonly reader: ProxyHeaderReader;
  private readonly tls: TlsServerContext | undefined;
  /** Whether the peer is trusted, or undefined before the check. */
  private trust: boolean | undefined = undefined;
  private timer: Timer | undefined = undefined;
  /** Whether the decision has been made. Bytes that arrive later are ignored. */
  private over = false;
  private arrivedBytes = 0;
  private isHolding = true;
  /** Whether the application has requested a read, and not only this handler. */
  private isReadRequested = false;
  /** Writes before TLS, which must not leave in plain. */
  private early: PendingWriteQueue | undefined = undefined;

  get userEvents(): { readonly fires: readonly 'ProxyProtocolEvent'[] } {
    return EVENTS;
  }

  constructor(options: ProxyProtocolDecoderOptions) {
    const { trusted, others, tls, headerTimeoutMs, refusal, maxTlvBytes } =
      OPTIONS.resolve(options);
    super({ frameErrorPolicy: 'close', frameTimeoutMs: false });
    this.isTrusted = trustCheck('trusted', trusted);
    this.others = others;
    this.tls = tls;
    this.headerTimeoutMs = headerTimeoutMs;
    this.reader = new ProxyHeaderReader(refusal, maxTlvBytes);
    // A pipeline skips a handler that does not have the methods.
    if (tls === undefined) Object.assign(this, { write: undefined, flush: undefined });
  }

  /** True until the header was read, and with `tls`, until the handshake is complete. */
  get holdsActive(): boolean {
    return this.isHolding;
  }

  override handlerAdded(ctx: Context): void {
    super.handlerAdded(ctx);
    if (!ctx.isActive) return;
    // Handlers that are there already have seen `channelActive`.
    this.isHolding = ctx.pipeline.last() === ctx.handler;
    this.begin(ctx);
  }

  channelActive(ctx: Context): void {
    this.begin(ctx);
  }

  override handlerRemoved(ctx: Context): void {
    this.timer?.cancel();
    this.failEarly(ctx);
    // Nothing begins in plain on a port with TLS.
    if (this.tls === undefined && ctx.channel.isOpen && ctx.isActive) this.passActive(ctx);
    super.handlerRemoved(ctx);
  }

  override channelInactive(ctx: Context): void {
    this.timer?.cancel();
    this.failEarly(ctx);
    super.channelInactive(ctx);
  }

  read(ctx: Context): void {
    this.isReadRequested = true;
    ctx.read();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (this.over) return ctx.write(message);
    this.early ??= new PendingWriteQueue(ctx);
    return this.early.add(message);
  }

  flush(ctx: Context): void {
    if (this.over) ctx.flush();
  }

  override isWithinFrame(): boolean {
    return this.reader.isDiscarding;
  }

  protected override decode(ctx: Context, input: ByteInput): undefined {
    if (this.over) {
      input.skip(input.length);
      return;
    }
    this.arrivedBytes = input.length;
    const header = this.reader.read(input);
    if (header === undefined) return;
    this.timer?.cancel();
    // The end of this burst requests no read that the application has not requested.
    this.hasFired = true;
    this.decided(ctx, header, input);
  }

  /** @internal No handler after this one sees the end of a connection that it has not seen active. */
  protected override fireEnd(ctx: Context, event: KeptEvent): void {
    if (!this.isHolding) event.fire(ctx);
    // No header can follow.
    else if (event.method === 'channelShutdown') ctx.channel.end({ reason: 'peer' });
    else if (event.method !== 'channelInactive') event.fire(ctx);
  }

  private decided(ctx: Context, header: ProxyHeader | undefined, input?: ByteInput): void {
    const { channel } = ctx;
    const wasLive = isLive(channel);
    this.announce(ctx, header);
    // A listener of the event may have ended the channel, as a limit does, or removed this handler.
    if (wasLive && !isLive(channel)) this.over = true;
    else if (!ctx.isRemoved) this.proceed(ctx, input);
  }

  private proceed(ctx: Context, input: ByteInput | undefined): void {
    const { tls } = this;
    if (tls !== undefined && isLive(ctx.channel)) {
      const received = input?.takeAll();
      upgradeToTls(ctx, tls, received === undefined ? {} : { received }).onSettled((error) => {
        if (error === undefined && !ctx.isRemoved) this.leave(ctx);
      });
    }
    this.over = true;
    // They are sent when the connection is encrypted.
    this.early?.removeAndWriteAll();
    if (this.early !== undefined) ctx.flush();
    // The application requested a message, and the header is not a message.
    const isOwed = this.isReadRequested && input?.length === 0;
    if (isOwed && !ctx.channel.autoRead) ctx.read();
    if (tls === undefined) this.leave(ctx);
  }

  private leave(ctx: Context): void {
    this.passActive(ctx);
    if (!ctx.isRemoved) ctx.pipeline.remove(ctx.handler);
  }

  private passActive(ctx: Context): void {
    if (!this.isHolding) return;
    this.isHolding = false;
    ctx.fireChannelActive();
  }

  private announce(ctx: Context, header: ProxyHeader | undefined): void {
    const { attributes, remoteAddress } = ctx.channel;
    // Set in each case, because handlers that wait for the address wait for the decision.
    attributes.set(CLIENT_ADDRESS, header?.source ?? remoteAddress);
    attributes.set(PROXY_HEADER, header);
    ctx.fireUserEventTriggered(new ProxyProtocolEvent(header));
  }

  private failEarly({ channel }: Context): void {
    if (this.early?.isEmpty !== false) return;
    const text = 'the handshake of TLS did not begin, before which nothing is written';
    this.early.removeAndFailAll(
      new ChannelError('CHANNEL_CLOSED', text, {}, channel.closeInfo?.error),
    );
  }

  private isRefused(ctx: Context): boolean {
    if (this.trust === undefined) {
      // An error would remove this handler, and the next handler would read the input of strangers.
      this.trust = false;
      callInContext(ctx, () => {
        this.trust = this.isTrusted(peerOf(ctx.channel));
      });
    }
    return this.others === 'refuse' && !this.trust;
  }

  private begin(ctx: Context): void {
    if (!ctx.channel.isOpen || ctx.isRemoved) return;
    if (this.isRefused(ctx)) this.refuse(ctx);
    else if (this.trust === true) this.expectHeader(ctx);
    else this.decided(ctx, undefined);
  }

  private expectHeader(ctx: Context): void {
    // The handlers that would request a read are not active yet.
    if (!ctx.channel.autoRead) ctx.read();
    const rule = { ms: this.headerTimeoutMs, whileHeld: 'pauses' } as const;
    this.timer = ctx.deadline(rule, () => this.timedOut(ctx));
  }

  private timedOut(ctx: Context): void {
    const { headerTimeoutMs, arrivedBytes } = this;
    this.over = true;
    ctx.fireExceptionCaught(
      new TimedOutError(
        'TIMEOUT_READ',
        `no PROXY header came within ${headerTimeoutMs} ms, ${arrivedBytes} bytes arrived: is the peer a proxy that sends one?`,
        { headerTimeoutMs, arrivedBytes },
      ),
    );
    ctx.channel.end({ reason: 'timeout' });
  }

  private refuse(ctx: Context): void {
    this.over = true;
    const { channel } = ctx;
    const { remoteAddress } = channel;
    const peer =
      remoteAddress === undefined ? 'a peer without address' : addressText(remoteAddress);
    const text = `${peer} is not a trusted proxy; refused`;
    channel.logger.log(
      'info',
      `${channel} ${text}`,
      new RejectedError('REJECTED_PEER', text, { peer }),
    );
    channel.close('refused');
  }
}

function isLive({ isOpen, isEnding }: Channel): boolean {
  return isOpen && !isEnding;
}
