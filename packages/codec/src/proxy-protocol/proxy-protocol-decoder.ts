import {
  CLIENT_ADDRESS,
  type Context,
  type Handler,
  RejectedError,
  TimedOutError,
  type Timer,
  type TlsServerContext,
  type TrustedPeers,
  upgradeToTls,
} from '@headrace/core';
import {
  addressText,
  callInContext,
  choice,
  describeOptions,
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
   * and its header as data.
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
   * TLS context of this server, for a proxy that passes the client's TLS through. TLS then begins after the header.
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
 * - **Events** Fires a {@link ProxyProtocolEvent} once, before the first byte of data. Sets `CLIENT_ADDRESS` (read it with
 *   `clientAddress(channel)`) and {@link PROXY_HEADER}.
 * - **Errors** `HR_ERR_FRAME_CORRUPT` and `HR_ERR_FRAME_TOO_LONG` for input that is not a header. `HR_ERR_TIMEOUT_READ` for a
 *   header that does not arrive in time. These errors are fired as `exceptionCaught`, and then the channel ends.
 *   `HR_ERR_REJECTED_PEER` for a peer that is not trusted. This error is only logged, at level info. The close reason is
 *   `refused`, and `channelActive` does not reach the handlers after the decoder.
 * - **State** The header of one connection.
 * - **Cost** No cost after the header has been read.
 * - **Pitfalls** `channelActive` passes before the header is known. Read the client's address in the event or at the first
 *   message. Limits at the listening socket apply to the proxy, and not to the client.
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
  }

  override handlerAdded(ctx: Context): void {
    super.handlerAdded(ctx);
    if (ctx.channel.isActive) this.begin(ctx);
  }

  channelActive(ctx: Context): void {
    if (!this.isRefused(ctx)) ctx.fireChannelActive();
    this.begin(ctx);
  }

  override handlerRemoved(ctx: Context): void {
    this.timer?.cancel();
    super.handlerRemoved(ctx);
  }

  override channelInactive(ctx: Context): void {
    this.timer?.cancel();
    super.channelInactive(ctx);
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
    this.over = true;
    this.announce(ctx, header);
    if (this.tls !== undefined) upgradeToTls(ctx, this.tls, { received: input.takeAll() });
    // The application requested a message, and the header is not a message.
    if (!ctx.channel.autoRead && input.length === 0) ctx.read();
    if (!ctx.isRemoved) ctx.pipeline.remove(ctx.handler);
  }

  private announce(ctx: Context, header: ProxyHeader | undefined): void {
    const { attributes, remoteAddress } = ctx.channel;
    // Set in each case, because handlers that wait for the address wait for the decision.
    attributes.set(CLIENT_ADDRESS, header?.source ?? remoteAddress);
    attributes.set(PROXY_HEADER, header);
    ctx.fireUserEventTriggered(new ProxyProtocolEvent(header));
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
    else this.passBy(ctx);
  }

  private passBy(ctx: Context): void {
    this.over = true;
    this.announce(ctx, undefined);
    if (!ctx.isRemoved) ctx.pipeline.remove(ctx.handler);
  }

  private expectHeader(ctx: Context): void {
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
