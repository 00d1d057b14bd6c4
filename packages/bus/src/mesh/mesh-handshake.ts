import { Buffer } from 'node:buffer';
import { type Channel, type Context, DecodeError, type Handler, type Types } from '@headrace/core';
import { ChannelDeadline, printable, toError } from '@headrace/core/authoring';
import { greetingText, type MeshEnd, type MeshGreeting, readGreeting } from './mesh-greeting.ts';

/**
 * What the dialer decides when it knows the other end. `join`: this connection carries the messages of the pair. `introduce`: the
 * other end has the smaller id, learns our address, and dials us. `leave`: the connection is not needed.
 */
export type Verdict = 'join' | 'introduce' | 'leave';

/** The owner of a {@link MeshHandshake}. */
export interface HandshakeOwner {
  readonly node: MeshEnd;
  /** Called at the dialer, when the other end has proved its key. */
  decide(other: MeshGreeting): Verdict;
  /** Called at the end of the handshake. With `join`, the owner replaces the handshake by its own handler. */
  done(ctx: Context, other: MeshGreeting, verdict: Verdict): void;
  /** Called instead of `done` if the handshake fails. The connection closes. */
  refused(ctx: Context, why: string): void;
}

/** The further messages of a handshake, as JSON. */
interface Step {
  readonly greeting?: unknown;
  readonly proof?: unknown;
  readonly verdict?: unknown;
}

/**
 * The first messages of a connection between two nodes. Both ends greet, and each proves its key before the other end tells it
 * anything about subjects.
 *
 * ```text
 *  dialer ──────── greeting ───────▶ acceptor
 *         ◀── greeting and proof ───
 *         ─── verdict and proof ───▶
 * ```
 */
export class MeshHandshake implements Handler {
  declare readonly types: Types<{ reads: Buffer; writes: Buffer }>;
  private readonly owner: HandshakeOwner;
  private readonly isDialer: boolean;
  private readonly ownText: string;
  private readonly deadline: HandshakeDeadline;
  private other: MeshGreeting | undefined = undefined;

  /** @param timeoutMs - the maximum time of the handshake */
  constructor(owner: HandshakeOwner, side: 'dialer' | 'acceptor', timeoutMs: number) {
    this.owner = owner;
    this.deadline = new HandshakeDeadline({ ms: timeoutMs, whileHeld: 'runs' });
    this.isDialer = side === 'dialer';
    this.ownText = greetingText(owner.node.identity, owner.node.keys.hasKeys);
  }

  channelActive(ctx: Context): void {
    this.deadline.begin(ctx.channel);
    if (this.isDialer) ctx.writeAndFlush(Buffer.from(this.ownText));
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, frame: Buffer): void {
    if (ctx.channel.isEnding) return;
    try {
      this.take(ctx, frame.toString('utf8'));
    } catch (thrown) {
      this.refuse(ctx, printable(toError(thrown).message));
    }
  }

  handlerRemoved(): void {
    this.deadline.cancel();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (error instanceof DecodeError) this.refuse(ctx, error.message);
    else ctx.fireExceptionCaught(error);
  }

  private take(ctx: Context, text: string): void {
    if (this.isDialer) this.takeAnswer(ctx, JSON.parse(text) as Step);
    else if (this.other === undefined) this.answer(ctx, text);
    else this.takeVerdict(ctx, this.other, JSON.parse(text) as Step);
  }

  private answer(ctx: Context, text: string): void {
    this.other = readGreeting(text);
    const proof = this.owner.node.keys.prove('acceptor', { dialer: text, acceptor: this.ownText });
    send(ctx, { greeting: this.ownText, proof });
  }

  private takeAnswer(ctx: Context, { greeting, proof }: Step): void {
    const { owner, ownText } = this;
    const other = readGreeting(String(greeting));
    const texts = { dialer: ownText, acceptor: other.text };
    const refusal = owner.node.keys.refusal(proof, 'acceptor', texts, other);
    if (refusal !== undefined) {
      this.refuse(ctx, refusal);
      return;
    }
    const verdict = owner.decide(other);
    send(ctx, { verdict, proof: owner.node.keys.prove('dialer', { ...texts, verdict }) });
    this.end(ctx, other, verdict);
  }

  private takeVerdict(ctx: Context, other: MeshGreeting, { verdict, proof }: Step): void {
    const { owner, ownText } = this;
    const texts = { dialer: other.text, acceptor: ownText, verdict: String(verdict) };
    const refusal = owner.node.keys.refusal(proof, 'dialer', texts, other);
    if (refusal !== undefined) this.refuse(ctx, refusal);
    else this.end(ctx, other, isVerdict(verdict) ? verdict : 'leave');
  }

  private end(ctx: Context, other: MeshGreeting, verdict: Verdict): void {
    this.owner.done(ctx, other, verdict);
    if (verdict !== 'join') ctx.channel.end();
  }

  private refuse(ctx: Context, why: string): void {
    this.owner.refused(ctx, why);
    ctx.close();
  }
}

/** Closes a connection whose other end does not greet. */
class HandshakeDeadline extends ChannelDeadline {
  protected over(channel: Channel): void {
    channel.close();
  }
}

function isVerdict(value: unknown): value is Verdict {
  return value === 'join' || value === 'introduce';
}

function send(ctx: Context, step: Step): void {
  ctx.writeAndFlush(Buffer.from(JSON.stringify(step)));
}
