import { Buffer } from 'node:buffer';
import {
  AttributeKey,
  type Channel,
  type Context,
  DecodeError,
  type Direction,
  type Handler,
  OptionError,
  type OutboundBytes,
  TimedOutError,
  type Timer,
  TlsUpgradeEvent,
  type Types,
} from '@headrace/core';
import {
  atOnce,
  callInContext,
  describeOptions,
  fn,
  type Resolved,
  recogniseCopies,
  time,
  unpinned,
  value,
  whole,
} from '@headrace/core/authoring';
import type { Protocol } from './protocol.ts';
import { replaceWith } from './replace-with.ts';

/** Options of a {@link ProtocolDetector}. */
export interface ProtocolDetectorOptions {
  /** Asked in this order: a later one only when the earlier ones do not match. */
  readonly protocols: readonly Protocol[];
  /** Installed if none of them matches. @default a `MESSAGE_INVALID` error */
  readonly otherwise?: Protocol['install'];
  /** With this many bytes `need-more` counts as no. @default 64 */
  readonly maxBytes?: number;
  /** The decision must fall within this time after the connect; `false` for no deadline. @default 10000 */
  readonly timeoutMs?: number | false;
  /**
   * Decides what happens at the deadline when no bytes came at all, or none that decide. Returns the name
   * of a protocol to install, or nothing if it has dealt with the channel itself, by an answer and
   * `channel.end()`, for example. @default a `TIMEOUT_READ` error
   */
  readonly handleTimeout?: (ctx: Context, prefix: Buffer) => string | undefined;
}

/** A {@link ProtocolDetector} has installed a protocol; what it read comes right after this event. */
export class ProtocolDetectedEvent {
  static {
    recogniseCopies(ProtocolDetectedEvent, 'headrace.ProtocolDetectedEvent');
  }

  /** The protocol's name, `otherwise` for the option of this name. */
  readonly protocol: string;

  constructor(protocol: string) {
    this.protocol = protocol;
  }
}

const OTHERWISE = 'otherwise';

const OPTIONS = describeOptions('ProtocolDetector', {
  protocols: value('an array of protocols', Array.isArray, { required: true }),
  otherwise: fn({ answers: 'a promise', purpose: 'adds handlers' }),
  maxBytes: whole({ min: 1, max: 65_536, default: 64 }),
  timeoutMs: time({ default: 10_000 }),
  handleTimeout: fn({
    answers: 'at once',
    takes: 2,
    purpose: 'decides what happens at the deadline',
  }),
});

const EVENTS = { fires: ['ProtocolDetectedEvent'] } as const;

/**
 * Looks at a connection's first bytes, installs the handlers of the protocol that they belong to, passes
 * every byte on to them and removes itself.
 *
 * ```text
 *  wire | [detect]                 before the first bytes
 *  wire | lines | text | chat      after "AUTH:ann"
 *  wire | http | websocket | chat  after "GET /ws"
 * ```
 *
 * - **Place** where bytes are still bytes, usually last; `install` adds after it with `addLast`, or with
 *   `addAfter(ctx.name, …)` if there are handlers after it already.
 * - **In** `Buffer`.
 * - **Out** the same bytes, to the handlers that `install` added, after a {@link ProtocolDetectedEvent}.
 * - **Events** forwards all.
 *   `ProtocolDetector.PROTOCOL` is an attribute with the name.
 * - **Errors** `MESSAGE_INVALID` if nothing matches, `TIMEOUT_READ` at the deadline; unhandled, both close.
 * - **State** one channel: the bytes so far, at most `maxBytes` and one read.
 * - **Cost** nothing once it is gone.
 * - **Pitfalls** installed handlers join an active channel: they get `handlerAdded`, not `channelActive`.
 *   A protocol in which the server speaks first can only be recognised by `handleTimeout`.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { isHttpRequest, ProtocolDetector } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel();
 * channel.pipeline.addLast(new ProtocolDetector({
 *   protocols: [
 *     { name: 'frames', matches: (prefix) => prefix[0] === 0, install: () => console.log('frames') },
 *     { name: 'http', matches: isHttpRequest, install: () => console.log('http') },
 *   ],
 *   otherwise: (channel) => channel.pipeline.addLast({
 *     channelRead: (_ctx, bytes: Buffer) => console.log('lines', String(bytes)),
 *   }),
 *   handleTimeout: (ctx) => {
 *     ctx.writeAndFlush(Buffer.from('say something\n'));
 *     ctx.channel.end({ reason: 'timeout' });
 *     return undefined;
 *   },
 * }));
 * channel.writeInbound(Buffer.from('G'));
 * channel.writeInbound(Buffer.from('OOD'));
 * // prints lines GOOD
 * ```
 * @see Netty's example `portunification`, and its `AbstractSniHandler`
 */
export class ProtocolDetector implements Handler {
  declare readonly types: Types<{ reads: Buffer; passesOn: unknown; accepts: unknown }>;
  /** The name of the protocol that was found. */
  static readonly PROTOCOL: AttributeKey<string> = new AttributeKey('protocol');

  private readonly options: Resolved<ProtocolDetectorOptions, typeof OPTIONS.kinds>;
  private readonly held: Buffer[] = [];
  private deadline: Timer | undefined = undefined;
  private hasStarted = false;
  private isDecided = false;
  /** Nothing matched: what still comes is dropped until the channel closes. */
  private isRefused = false;

  get userEvents(): { readonly fires: readonly 'ProtocolDetectedEvent'[] } {
    return EVENTS;
  }

  constructor(options: ProtocolDetectorOptions) {
    this.options = OPTIONS.resolve(options);
    const { protocols } = this.options;
    const names = new Set(protocols.map(({ name }) => name));
    if (names.size < protocols.length || names.has(OTHERWISE)) {
      const list = protocols.map(({ name }) => name).join(', ');
      throw new OptionError(
        'OPTION_INVALID',
        `protocols must have names of their own, none of them "${OTHERWISE}", but they are: ${list}`,
        { option: 'protocols' },
      );
    }
  }

  handlerAdded(ctx: Context): void {
    if (ctx.channel.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  /** Removed from outside: what it held is not lost. */
  handlerRemoved(ctx: Context): void {
    this.deadline?.cancel();
    if (this.isDecided || this.isRefused || !ctx.channel.isOpen) return;
    this.isDecided = true;
    for (const bytes of this.held.splice(0)) ctx.fireChannelRead(bytes);
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    if (this.isRefused || bytes.length === 0) return;
    // While it passes on what it held, what arrives meanwhile goes after that.
    this.held.push(bytes);
    if (!this.isDecided) this.decide(ctx, false);
  }

  channelReadComplete(ctx: Context): void {
    if (this.isDecided) {
      ctx.fireChannelReadComplete();
      return;
    }
    // What a peer sent of a beginning must not keep its whole read in memory until the deadline.
    for (const [at, bytes] of this.held.entries()) this.held[at] = unpinned(bytes);
    this.readOn(ctx);
  }

  /** Its bytes came unencrypted, and would be taken for the beginning of what comes encrypted. */
  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof TlsUpgradeEvent) {
      event.holding(this.held.reduce((sum, { length }) => sum + length, 0));
    }
    ctx.fireUserEventTriggered(event);
  }

  /** No more bytes will come to decide by. */
  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input' && this.held.length > 0) this.decide(ctx, true);
    ctx.fireChannelShutdown(direction);
  }

  private start(ctx: Context): void {
    if (this.hasStarted) return;
    this.hasStarted = true;
    const { timeoutMs } = this.options;
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.deadline = ctx.clock.schedule(() => this.onDeadline(ctx), timeoutMs);
    }
    this.readOn(ctx);
  }

  /** With auto-read off: the handlers that would ask for reads are not installed yet. */
  private readOn(ctx: Context): void {
    if (!ctx.channel.autoRead && !this.isRefused) ctx.read();
  }

  /** The first protocol that matches or may still match; with `isFinal`, one that matches. */
  private decide(ctx: Context, isFinal: boolean): void {
    const { protocols, otherwise, maxBytes } = this.options;
    const prefix = this.prefix();
    const isEnough = isFinal || prefix.length >= maxBytes;
    for (const protocol of protocols) {
      const answer = atOnce('matches', protocol.matches(prefix));
      if (answer === true) {
        this.install(ctx, protocol.name, protocol.install.bind(protocol));
        return;
      }
      if (answer === 'need-more' && !isEnough) return;
    }
    if (otherwise !== undefined) this.install(ctx, OTHERWISE, otherwise);
    else this.refuse(ctx, prefix);
  }

  private prefix(): Buffer {
    const { maxBytes } = this.options;
    const [first] = this.held;
    const all = this.held.length === 1 ? first! : Buffer.concat(this.held);
    return all.length > maxBytes ? all.subarray(0, maxBytes) : all;
  }

  private install(ctx: Context, name: string, install: Protocol['install']): void {
    this.isDecided = true;
    this.deadline?.cancel();
    const { held } = this;
    if (held.length > 1) held.push(Buffer.concat(held.splice(0)));
    ctx.channel.attributes.set(ProtocolDetector.PROTOCOL, name);
    const add = (): void => {
      const channel = ctx.channel as Channel as Channel<Buffer, OutboundBytes>;
      const returned = install(channel, ctx);
      callInContext(ctx, () => returned);
      ctx.fireUserEventTriggered(new ProtocolDetectedEvent(name));
    };
    try {
      replaceWith(ctx, add, held);
    } catch (thrown) {
      this.isDecided = false;
      this.isRefused = true;
      throw thrown;
    }
  }

  private refuse(ctx: Context, prefix: Buffer): void {
    this.isRefused = true;
    this.deadline?.cancel();
    this.held.length = 0;
    const start = prefix.subarray(0, 16).toString('hex');
    const hint = prefix[0] === 0x16 && prefix[1] === 3 ? ', which looks like TLS' : '';
    const names = this.options.protocols.map(({ name }) => name).join(', ');
    ctx.fireExceptionCaught(
      new DecodeError(
        'MESSAGE_INVALID',
        `the connection starts with ${start}${hint}: none of the protocols ${names}`,
        { start },
      ),
    );
  }

  private onDeadline(ctx: Context): void {
    if (this.isDecided || this.isRefused || !ctx.channel.isActive) return;
    callInContext(ctx, () => {
      try {
        this.timedOut(ctx);
      } catch (thrown) {
        this.isRefused = true;
        this.held.length = 0;
        throw thrown;
      }
    });
  }

  private timedOut(ctx: Context): void {
    const prefix = this.held.length === 0 ? Buffer.alloc(0) : this.prefix();
    const { protocols, otherwise, handleTimeout } = this.options;
    if (handleTimeout === undefined) {
      this.refuseLate(ctx, prefix);
      return;
    }
    const name = handleTimeout(ctx, prefix);
    const protocol = protocols.find((one) => one.name === name);
    const install = protocol?.install.bind(protocol) ?? otherwise;
    if (name === undefined || install === undefined) this.isRefused = true;
    else {
      this.install(ctx, protocol?.name ?? OTHERWISE, install);
      ctx.fireChannelReadComplete();
    }
  }

  private refuseLate(ctx: Context, prefix: Buffer): void {
    const { timeoutMs } = this.options;
    this.isRefused = true;
    this.held.length = 0;
    const text = `${prefix.length} bytes within ${timeoutMs} ms do not show which protocol this is`;
    const details = { timeoutMs, bytes: prefix.length };
    ctx.fireExceptionCaught(new TimedOutError('TIMEOUT_READ', text, details));
  }
}
