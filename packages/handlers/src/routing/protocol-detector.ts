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
  checkKind,
  describeOptions,
  endsWhole,
  fn,
  KeptInputHandler,
  type KeptInputSteps,
  nearestTo,
  type Resolved,
  recognizeCopies,
  time,
  unpinned,
  value,
  whole,
} from '@headrace/core/authoring';
import type { Protocol } from './protocol.ts';

/** Options of a {@link ProtocolDetector}. */
export interface ProtocolDetectorOptions {
  /** The protocols to look for, in this order. A protocol is asked only if no earlier protocol matches. */
  readonly protocols: readonly Protocol[];
  /** Installs the handlers if no protocol matches. @default a `MESSAGE_INVALID` error */
  readonly otherwise?: Protocol['install'];
  /** Number of bytes at which the answer `need-more` counts as no. @default 64 */
  readonly maxBytes?: number;
  /** Maximum time from the connect to the decision, in milliseconds. `false` means no deadline. @default 10000 */
  readonly timeoutMs?: number | false;
  /**
   * Decides at the deadline, if no bytes arrived or the bytes do not decide. Returns the name of a protocol to install, or
   * `'otherwise'` for the function of that name. Another name is an `OPTION_INVALID` error. Returns `undefined` if the function
   * has ended the channel, for example with an answer and `channel.end()`, or has replaced the detector by other handlers. If it
   * has done neither, the channel has the error of the default.
   * @default a `TIMEOUT_READ` error
   */
  readonly handleTimeout?: (ctx: Context, prefix: Buffer) => string | undefined;
}

/** An event that is fired when a {@link ProtocolDetector} has installed a protocol, before the bytes that the detector read. */
export class ProtocolDetectedEvent {
  static {
    recognizeCopies(ProtocolDetectedEvent, 'headrace.ProtocolDetectedEvent');
  }

  /** The name of the protocol, or `otherwise` for the option of this name. */
  readonly protocol: string;

  constructor(protocol: string) {
    this.protocol = protocol;
  }
}

const OTHERWISE = 'otherwise';
const NOTHING = Buffer.alloc(0);

const OPTIONS = describeOptions('ProtocolDetector', {
  protocols: value('an array of protocols', Array.isArray, { required: true }),
  otherwise: fn({ answers: 'async', purpose: 'adds handlers' }),
  maxBytes: whole({ min: 1, max: 65_536, default: 64 }),
  timeoutMs: time({ default: 10_000 }),
  handleTimeout: fn({
    answers: 'sync',
    takes: 2,
    purpose: 'decides what happens at the deadline',
  }),
});

const EVENTS = { fires: ['ProtocolDetectedEvent'] } as const;

/**
 * Examines the first bytes of a connection, installs the handlers of their protocol, passes all bytes on to the handlers, and
 * removes itself.
 *
 * ```text
 *  wire | [detect]                 before the first bytes
 *  wire | lines | text | chat      after "AUTH:ann"
 *  wire | http | websocket | chat  after "GET /ws"
 * ```
 *
 * - **Place** Before all decoders, usually last. `install` adds handlers after it with `addLast`, or with `addAfter(ctx.name, …)`
 *   if other handlers already follow it.
 * - **In** `Buffer`.
 * - **Out** The same bytes, to the handlers that `install` added, after a {@link ProtocolDetectedEvent}.
 * - **Events** Forwards all. Sets the attribute `ProtocolDetector.PROTOCOL` to the name of the protocol.
 * - **Errors** `MESSAGE_INVALID` if no protocol matches, `TIMEOUT_READ` at the deadline, and `OPTION_INVALID` if `matches` or
 *   `handleTimeout` returns a wrong value. If no handler catches them, they close the channel.
 * - **State** One channel: the bytes so far, at most `maxBytes` and one read.
 * - **Cost** None after it has removed itself.
 * - **Pitfalls** Installed handlers join an active channel: `handlerAdded` is called, but not `channelActive`. A protocol in
 *   which the server speaks first can only be recognized by `handleTimeout`.
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
export class ProtocolDetector extends KeptInputHandler implements Handler {
  declare readonly types: Types<{ reads: Buffer; passesOn: unknown; accepts: unknown }>;
  /** The attribute with the name of the protocol that was found. */
  static readonly PROTOCOL: AttributeKey<string> = new AttributeKey('protocol');

  private readonly options: Resolved<ProtocolDetectorOptions, typeof OPTIONS.kinds>;
  /** All bytes so far, in one buffer: the beginning of a message. */
  private begun: Buffer = NOTHING;
  private deadline: Timer | undefined = undefined;
  private hasStarted = false;
  private isDecided = false;
  /** Whether the handlers of the protocol are installed. */
  private isInstalled = false;
  /** Whether no protocol matched. Later input is then dropped until the channel closes. */
  private isRefused = false;

  get userEvents(): { readonly fires: readonly 'ProtocolDetectedEvent'[] } {
    return EVENTS;
  }

  constructor(options: ProtocolDetectorOptions) {
    super();
    this.options = OPTIONS.resolve(options);
    const { protocols } = this.options;
    protocols.forEach(checkProtocol);
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
    if (ctx.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  override handlerRemoved(ctx: Context): void {
    this.deadline?.cancel();
    this.isDecided = true;
    if (ctx.channel.isOpen) super.handlerRemoved(ctx);
  }

  protected override keptInputSteps(): KeptInputSteps {
    return {
      mayPass: () => this.isInstalled,
      begun: () => [this.begun],
      resume: (ctx) => this.passOn(ctx),
      removed: (ctx) => this.passOn(ctx),
      dropped: () => {
        this.begun = NOTHING;
      },
      delivered: (ctx) => this.leave(ctx),
    };
  }

  override channelRead(ctx: Context, bytes: Buffer): void {
    if (this.isRefused || bytes.length === 0) return;
    if (this.isDecided) {
      this.kept.channelRead(ctx, bytes);
      return;
    }
    this.begun = this.begun.length === 0 ? bytes : Buffer.concat([this.begun, bytes]);
    this.kept.pause(false);
    this.decide(ctx, false);
    if (!this.isInstalled) return;
    this.kept.deliverWithin(ctx);
    this.leave(ctx);
  }

  override channelReadComplete(ctx: Context): void {
    if (this.isDecided) {
      super.channelReadComplete(ctx);
      return;
    }
    // The first bytes of a peer must not keep the memory of a whole read until the deadline.
    this.begun = unpinned(this.begun);
    this.readOn(ctx);
  }

  /** Forwards events at once before the decision. An undecided peer must not hold back an event or a drain. */
  override userEventTriggered(ctx: Context, event: unknown): void {
    if (this.isDecided || event instanceof TlsUpgradeEvent) super.userEventTriggered(ctx, event);
    else ctx.fireUserEventTriggered(event);
  }

  override exceptionCaught(ctx: Context, error: Error): void {
    if (this.isDecided) super.exceptionCaught(ctx, error);
    else ctx.fireExceptionCaught(error);
  }

  /** Decides at the end of the input, because no more bytes will arrive. */
  override channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input' && !this.isDecided && this.isKeeping) {
      this.decide(ctx, true);
      this.resume(ctx);
    }
    super.channelShutdown(ctx, direction);
  }

  private passOn(ctx: Context): void {
    const bytes = this.begun;
    this.begun = NOTHING;
    if (bytes.length > 0) ctx.fireChannelRead(bytes);
  }

  private leave(ctx: Context): void {
    if (this.isInstalled && !this.isKeeping && !ctx.isRemoved) ctx.pipeline.remove(ctx.name);
  }

  private start(ctx: Context): void {
    if (this.hasStarted) return;
    this.hasStarted = true;
    const { timeoutMs } = this.options;
    // The deadline limits strangers, so it continues to run while reads are held.
    this.deadline = ctx.deadline({ ms: timeoutMs, whileHeld: 'runs' }, () => this.onDeadline(ctx));
    this.readOn(ctx);
  }

  /** Asks for the next read if auto-read is off. The handlers that would ask are not installed yet. */
  private readOn(ctx: Context): void {
    if (!ctx.channel.autoRead && !this.isRefused) ctx.read();
  }

  /**
   * Installs the first protocol that matches, or waits for more bytes if an earlier protocol may match. With `isFinal`, it does
   * not wait.
   */
  private decide(ctx: Context, isFinal: boolean): void {
    const { protocols, otherwise, maxBytes } = this.options;
    const { prefix } = this;
    const isEnough = isFinal || prefix.length >= maxBytes;
    for (const protocol of protocols) {
      const answer = atOnce('matches', protocol.matches(prefix));
      if (answer === true) {
        this.install(ctx, protocol.name, protocol.install.bind(protocol));
        return;
      }
      if (answer === 'need-more') {
        if (!isEnough) return;
      } else if (answer) throw noAnswer(protocol.name, answer);
    }
    if (otherwise !== undefined) this.install(ctx, OTHERWISE, otherwise);
    else this.refuse(ctx, prefix);
  }

  private get prefix(): Buffer {
    const { maxBytes } = this.options;
    return this.begun.length > maxBytes ? this.begun.subarray(0, maxBytes) : this.begun;
  }

  private install(ctx: Context, name: string, install: Protocol['install']): void {
    this.isDecided = true;
    this.deadline?.cancel();
    ctx.channel.attributes.set(ProtocolDetector.PROTOCOL, name);
    try {
      const channel = ctx.channel as Channel as Channel<Buffer, OutboundBytes>;
      const returned = install(channel, ctx);
      callInContext(ctx, () => returned);
      ctx.fireUserEventTriggered(new ProtocolDetectedEvent(name));
    } catch (thrown) {
      this.drop();
      throw thrown;
    }
    this.isInstalled = true;
  }

  /** Passes on the kept input outside a burst of reads. */
  private resume(ctx: Context): void {
    if (!this.isInstalled) return;
    this.kept.deliver(ctx);
    this.leave(ctx);
  }

  private drop(): void {
    this.isDecided = false;
    this.isRefused = true;
    this.deadline?.cancel();
    if (this.isKeeping) this.kept.drop();
  }

  private refuse(ctx: Context, prefix: Buffer): void {
    this.drop();
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
    if (endsWhole(ctx.channel)) {
      this.drop();
      return;
    }
    callInContext(ctx, () => {
      try {
        this.timedOut(ctx);
      } catch (thrown) {
        this.drop();
        throw thrown;
      }
    });
  }

  private timedOut(ctx: Context): void {
    const { prefix } = this;
    const { protocols, otherwise, handleTimeout } = this.options;
    if (handleTimeout === undefined) {
      this.refuseLate(ctx, prefix);
      return;
    }
    const name = handleTimeout(ctx, prefix);
    if (name === undefined) {
      // No input is read any more and no deadline runs, so a channel that is left open would stay open for
      // ever.
      if (ctx.isRemoved || endsWhole(ctx.channel)) this.drop();
      else this.refuseLate(ctx, prefix);
      return;
    }
    const protocol = protocols.find((one) => one.name === name);
    const install = name === OTHERWISE ? otherwise : protocol?.install.bind(protocol);
    if (install === undefined) throw this.noProtocol(name);
    this.install(ctx, name, install);
    this.resume(ctx);
  }

  private noProtocol(name: string): OptionError {
    const { protocols, otherwise } = this.options;
    const names = protocols.map((one) => one.name);
    if (otherwise !== undefined) names.push(OTHERWISE);
    const nearest = nearestTo(String(name), names);
    const cure = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    const text = `handleTimeout returned ${JSON.stringify(name)}; there are ${names.join(', ')}${cure}`;
    return new OptionError('OPTION_INVALID', text, { option: 'handleTimeout' });
  }

  private refuseLate(ctx: Context, prefix: Buffer): void {
    const { timeoutMs } = this.options;
    this.drop();
    const text = `${prefix.length} bytes within ${timeoutMs} ms do not show which protocol this is`;
    const details = { timeoutMs, bytes: prefix.length };
    ctx.fireExceptionCaught(new TimedOutError('TIMEOUT_READ', text, details));
  }
}

/** Checks a protocol when the handler is made, because a connection would find the mistake too late. */
function checkProtocol(protocol: Protocol, at: number): void {
  const where = `protocols[${at}]`;
  const isObject = typeof protocol === 'object' && protocol !== null;
  checkKind(where, protocol, isObject, 'a protocol: an object with name, matches and install');
  const { name } = protocol;
  checkKind(`${where}.name`, name, typeof name === 'string' && name !== '', 'a text');
  for (const part of ['matches', 'install'] as const) {
    checkKind(
      `${where}.${part}`,
      protocol[part],
      typeof protocol[part] === 'function',
      'a function',
    );
  }
}

/** Returns the error for a wrong answer. A misspelled word must not count as no. */
function noAnswer(protocol: string, answer: never): OptionError {
  const text = `the matches of ${protocol} returned ${JSON.stringify(answer)}, but must return true, false or 'need-more'`;
  return new OptionError('OPTION_INVALID', text, { option: 'protocols' });
}
