import type { Context, DecodeError, Handler, MessageKinds } from '@headrace/core';
import { KeptInputHandler } from '@headrace/core/authoring';
import { refuseSharing } from './decoder-failure.ts';
import type { FrameErrorPolicy } from './frame-error-policy.ts';
import { type OtherMessages, unreadable } from './other-messages.ts';

/** The options that decoders of a class were given last. */
const lastOptions = new WeakMap<object, object>();

/** A server makes the same decoders for each of its connections: those with equal options share one copy. */
function sharedCopy(type: object, options: object): object {
  // A copy would not have what the object inherits: the limits of a class of options, for one.
  if (Object.getPrototypeOf(options) !== Object.prototype) return options;
  const last = lastOptions.get(type);
  if (last !== undefined && isEqual(last, options)) return last;
  const copy = Object.freeze({ ...options });
  lastOptions.set(type, copy);
  return copy;
}

function isEqual(one: object, other: object): boolean {
  const [some, others] = [one as Record<string, unknown>, other as Record<string, unknown>];
  let more = 0;
  for (const name in some) {
    if (!Object.hasOwn(others, name) || !Object.is(some[name], others[name])) return false;
    more += 1;
  }
  for (const _ in others) more -= 1;
  return more === 0;
}

/** The options that all decoders have. */
export interface DecodingSettings {
  readonly frameErrorPolicy: FrameErrorPolicy;
  readonly otherMessages: OtherMessages;
}

/** The common base of byte decoders and message decoders: the state of a read, and of a failure. */
export abstract class DecodingHandler extends KeptInputHandler implements Handler {
  /** A decoder holds the state of one channel's stream. */
  declare readonly sharable?: false;
  /** @internal The kinds of messages that it takes and makes. */
  protected readonly ownKinds: MessageKinds;
  /** @internal As they were given: `fresh()` of a subclass makes another one with them. */
  protected readonly givenOptions: object;
  /** @internal As they were resolved: decoders with the same options share one object. */
  protected readonly resolvedOptions: DecodingSettings;
  /** After a fatal error: nothing is decoded any more. */
  protected failed = false;
  /** Since the last `channelReadComplete`. */
  protected hasRead = false;
  /** Since the last `channelReadComplete` it has passed a message on. */
  protected hasFired = false;

  /** @internal */
  constructor(options: object, settings: DecodingSettings, kinds: MessageKinds) {
    super();
    this.givenOptions = sharedCopy(new.target, options);
    this.resolvedOptions = settings;
    this.ownKinds = kinds;
    refuseSharing(this);
  }

  protected get frameErrorPolicy(): FrameErrorPolicy {
    return this.resolvedOptions.frameErrorPolicy;
  }

  private get passesOthers(): boolean {
    return this.resolvedOptions.otherMessages === 'pass-on';
  }

  /** The kinds of messages that it takes and makes; `undefined` if it passes other messages on. */
  get messageKinds(): MessageKinds | undefined {
    return this.passesOthers ? undefined : this.ownKinds;
  }

  /** Refuses to be shared. @throws PipelineError `PIPELINE_NOT_SHARABLE` if a subclass has made itself `sharable` */
  handlerAdded(_ctx: Context): void {
    refuseSharing(this);
  }

  override channelReadComplete(ctx: Context): void {
    if (this.isKeeping) super.channelReadComplete(ctx);
    else this.complete(ctx);
  }

  /** The end of a burst of reads; with `autoRead` off, one that gave no message asks for another. */
  protected complete(ctx: Context): void {
    const isHungry = this.hasRead && !this.hasFired && !this.failed;
    const wantsMore = isHungry && !ctx.channel.autoRead;
    this.hasRead = false;
    this.hasFired = false;
    if (wantsMore) ctx.read();
    ctx.fireChannelReadComplete();
  }

  /** A message that it cannot read: the one place that decides whether it is refused or passes on. */
  protected otherMessage(ctx: Context, message: unknown): void {
    if (this.passesOthers) ctx.fireChannelRead(message);
    else this.failStream(ctx, unreadable(ctx, message));
  }

  /**
   * @internal A fatal error: it is fired first, so that an answer can still be written; then the channel ends. No name
   * that a subclass may have for a function of its own.
   */
  abstract failStream(ctx: Context, error: Error): void;

  /** Logs input that is left out, as `debug`. */
  protected logSkipped(ctx: Context, error: DecodeError): void {
    ctx.channel.logger.log('debug', `${ctx.channel} left out bad input: ${error.message}`, error);
  }
}
