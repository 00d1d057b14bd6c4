import {
  type Address,
  type Channel,
  ChannelError,
  type Clock,
  type CloseInfo,
  EncodeError,
  type OutboundBytes,
  type Timer,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { sizeOfBytes, transportOf } from '@headrace/core/authoring';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import { ACK_MS } from '../protocol/incoming-messages.ts';
import { type ResumeAction, ResumeMachine } from '../protocol/resume-machine.ts';
import { type InputOwner, LastingInput } from './lasting-input.ts';
import { LastingOutput } from './lasting-output.ts';
import { messageLimitsOf } from './message-limits.ts';
import { PresentLink, type ResumeLink } from './present-link.ts';
import { MAX_REFUSALS, RefusedLinks } from './refused-links.ts';
import { LinkLostEvent, LinkMoveEvent, LinkResumedEvent } from './resume-event.ts';
import type { ResumeOwner, ResumeTransportOptions } from './resume-owner.ts';

/** Time that a closed channel with a link waits for the acknowledgement of its output. */
const LINGER_MS = 10_000;

/**
 * The transport of a lasting channel over a succession of links. Outbound messages are kept until the peer has received them.
 * Inbound messages count as received when the pipeline has read them. The transport always accepts the input of a link, so
 * heartbeats pass; the credit limits this input.
 *
 * Both ends access a lasting channel only through its transport. A link reports each event with one call, and only the transport
 * uses the machine.
 */
export class ResumeTransport implements Transport, InputOwner {
  readonly clock: Clock;
  /** The channel of the transport. Events are fired in its pipeline. */
  channel: Channel | undefined = undefined;
  /** Whether the channel has closed or is closing. */
  isOver = false;
  protected readonly machine: ResumeMachine;
  protected readonly owner: ResumeOwner;
  protected readonly links: PresentLink;
  protected readonly input: LastingInput;
  protected readonly output: LastingOutput;
  /** Number of progress checks by the channel while it had no link. */
  private looks = 0;
  private hasPeerEnded = false;
  private ackTimer: Timer | undefined = undefined;
  protected isConnected = false;
  protected hasLeft = false;
  /** Whether the transport has ended, so that it keeps no messages and waits for no link. */
  isFinished = false;
  /** Whether the channel has ended because of a message that each link refused. */
  isRefused = false;
  private readonly refusals = new RefusedLinks();
  private endError: Error | undefined = undefined;
  private lingerTimer: Timer | undefined = undefined;

  constructor(options: ResumeTransportOptions) {
    this.clock = options.clock;
    this.machine = new ResumeMachine(options);
    this.links = new PresentLink(this.machine, (error) =>
      this.clock.execute(() => this.endUnsendable(error)),
    );
    this.input = this.newInput();
    this.output = new LastingOutput(this.machine);
    this.owner = options.owner;
  }

  protected newInput(): LastingInput {
    return new LastingInput(this);
  }

  // --- state ---

  get sink(): TransportSink | undefined {
    return this.input.sink;
  }

  /** Name of the channel; empty until both ends have agreed on it. */
  get id(): string {
    return this.machine.id;
  }

  /** Maximum absence of the other end. After the exchange, the agreed value. */
  get windowMs(): number {
    return this.machine.windowMs;
  }

  get isActive(): boolean {
    return this.isConnected && !this.isOver;
  }

  get localAddress(): Address | undefined {
    return this.links.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.links.remoteAddress;
  }

  get accepts(): string {
    const most = Math.max(0, this.machine.maxMessageBytes);
    return `Buffers of at most ${most} bytes, the limit of the peer's credit and of its link`;
  }

  get unsentBytes(): number {
    // Without a link, no progress is expected from the peer, so each check counts as progress.
    if (!this.waitsForPeer) this.looks += 1;
    return -(this.machine.acknowledgedMessages + this.looks);
  }

  protected get waitsForPeer(): boolean {
    return this.links.link !== undefined;
  }

  /** The link's value. A long message arrives in pieces, but is acknowledged as a whole. */
  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.links.link?.channel)?.unacknowledgedBytes;
  }

  /** Whether messages can be sent now. */
  get isLinked(): boolean {
    return this.links.link !== undefined && this.machine.isLinked;
  }

  /** Bytes of the messages kept for the peer. */
  get keptBytes(): number {
    return this.machine.keptBytes;
  }

  open(sink: TransportSink): void {
    const isFirst = this.sink === undefined;
    this.input.sink = sink;
    if (isFirst) this.owner.begin();
  }

  private fire(event: unknown): void {
    if (this.isActive) this.channel?.pipeline.fireUserEventTriggered(event);
  }

  // --- events of a link ---

  /** Called when the client has a link. Sends OPEN or RESUME. */
  sendHello(link: ResumeLink): void {
    this.machine.beginLink(messageLimitsOf(link.channel));
    this.beginLink(link);
    this.links.pump();
  }

  /** Called when a link received a frame. Returns the error if the frame breaks the protocol. */
  frame(link: ResumeLink, frame: Buffer): Error | undefined {
    if (this.links.link !== link || this.isFinished) return undefined;
    const action = this.machine.received(frame, this.input);
    return action === undefined ? undefined : this.execute(action);
  }

  /** Called at the end of a burst of messages of a link. */
  frameComplete(link: ResumeLink): void {
    if (this.links.link !== link) return;
    this.input.endBurst();
    this.drained();
  }

  /** Called when the link is writable again. */
  linkWritable(link: ResumeLink): void {
    if (this.links.link === link) this.links.pump();
  }

  /** Called when a link is lost. */
  loseLink(link: ResumeLink): void {
    if (this.links.link !== link) return;
    const wasLinked = this.machine.isLinked;
    this.links.lose(this.clock.now());
    this.ackTimer?.cancel();
    this.lingerTimer?.cancel();
    this.ackTimer = this.lingerTimer = undefined;
    this.machine.loseLink();
    if (!this.isFinished && this.isOver && !this.owner.outlivesChannel) this.finish(undefined);
    // A link that was lost before the answer to RESUME is not reported.
    if (this.isFinished || !wasLinked) return;
    const { closeInfo } = link.channel;
    if (this.isPoisoned(closeInfo)) return;
    this.owner.detached(link);
    this.fire(new LinkLostEvent(closeInfo));
  }

  /** Returns true if the channel has ended, because links end at the same message again and again. */
  private isPoisoned(info: Partial<CloseInfo> = {}): boolean {
    const { takenMessages, acknowledgedMessages } = this.machine;
    const { error } = info;
    const progress = takenMessages + acknowledgedMessages;
    if (!this.refusals.lost(info, progress, this.clock.now())) return false;
    this.isRefused = true;
    const which =
      error instanceof EncodeError
        ? `message ${acknowledgedMessages + 1}`
        : `message ${takenMessages + 1} of the peer`;
    this.fail(refusedError(which, error));
    return true;
  }

  /** Called after the machine was notified of the link. Replaces a link that is still open. */
  protected beginLink(link: ResumeLink): void {
    this.input.clear();
    const old = this.links.replace(link, this.clock.now());
    if (this.isOver) this.linger();
    if (old === undefined) return;
    old.channel.close('replaced');
    this.fire(new LinkLostEvent(old.channel.closeInfo));
  }

  protected resumed(resent: number): void {
    this.owner.attached();
    this.fire(new LinkResumedEvent(this.clock.now() - (this.links.lostAt ?? 0), resent));
    this.fill();
  }

  private execute(action: ResumeAction): Error | undefined {
    switch (action.do) {
      case 'acknowledged':
        // The peer waits for its log, and acknowledges the same messages again.
        this.looks += 1;
        this.fill();
        break;
      case 'opened':
        this.isConnected = true;
        this.sink?.connected();
        break;
      case 'resumed':
        this.resumed(action.resent);
        break;
      case 'end':
        this.input.peerEnded();
        this.hasPeerEnded = true;
        break;
      case 'reset':
        this.input.passAll();
        this.fail(resetError());
        break;
      case 'gone':
        // A peer that has ended its output and closed forgets the rest. TCP answers later data with
        // a reset in the same way.
        if (this.hasPeerEnded && action.retryAfterMs === 0) this.fail(resetError());
        else this.owner.gone(action);
        break;
      case 'move':
        this.fire(new LinkMoveEvent(action.spreadMs, action.places));
        this.owner.moved(action);
        break;
      case 'fail':
        // The link's handler ends the link with the reason.
        this.links.lose(this.clock.now());
        this.fail(action.error);
        return action.error;
    }
    return undefined;
  }

  // --- input ---

  requestRead(): void {
    this.input.requestRead();
  }

  pauseReading(): void {
    this.input.pauseReading();
  }

  taken(payloadBytes: number): void {
    this.machine.taken(payloadBytes);
    if (this.isFinished || this.ackTimer !== undefined) return;
    this.ackTimer = this.clock.schedule(() => {
      this.ackTimer = undefined;
      this.machine.acknowledgeNow();
      this.links.pump();
    }, ACK_MS);
  }

  refused(): void {
    this.drop(undefined);
  }

  drained(): void {
    this.links.pump();
    this.finishIfDone();
  }

  // --- output ---

  sizeOf(message: unknown): number {
    const size = sizeOfBytes(message);
    // The peer's credit is unknown before the exchange, so `write` checks again.
    return this.isConnected && size > this.machine.maxMessageBytes ? -1 : size;
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    if (bytes > this.machine.maxMessageBytes) this.refuseTooLong(messages);
    this.output.write(messages as readonly OutboundBytes[], bytes);
    if (this.links.link === undefined) this.owner.grew();
    else this.links.pump();
    return !this.output.hasWaiting;
  }

  /** Rejects a message that could never be sent. */
  protected refuseTooLong(messages: readonly unknown[]): void {
    const tooLong = messages.map(sizeOfBytes).find((size) => size > this.machine.maxMessageBytes);
    if (tooLong === undefined) return;
    const text = `a message of ${tooLong} bytes, written before the connection was up: the channel takes ${this.accepts}`;
    throw new EncodeError('MESSAGE_TOO_LONG', text, { bytes: tooLong });
  }

  protected fill(): void {
    if (this.output.fill() && !this.isOver) this.sink!.written();
  }

  /** Resolves when the peer has all messages written so far. */
  acknowledged(): Promise<void> {
    return this.output.acknowledged();
  }

  /** Returns the kept messages that the peer has not acknowledged, oldest first. */
  unacknowledged(): Buffer[] {
    return this.machine.unacknowledged();
  }

  /** Drops all messages kept for the peer. */
  forget(): void {
    this.machine.forget();
  }

  // --- the end ---

  /** Ends the output after all written messages. */
  protected endOutput(reason: string): void {
    this.machine.end(reason);
  }

  shutdownOutput({ reason }: CloseInfo): void {
    this.endOutput(reason);
    this.links.pump();
    this.clock.execute(() => {
      if (!this.isOver) this.sink!.outputEnded();
      this.finishIfDone();
    });
  }

  close(info: CloseInfo): void {
    if (this.isOver) {
      this.leave();
      return;
    }
    this.isOver = true;
    this.leave();
    const hadUnread = this.input.hasKept;
    this.input.clear();
    // A slow consumer would not receive the kept messages.
    const isLost = this.links.link === undefined && !this.owner.outlivesChannel;
    if (this.id === '' || isLost || hadUnread || info.reason === 'slow-consumer') this.drop(info);
    else {
      this.endOutput(info.reason);
      this.machine.acknowledgeNow();
      this.links.pump();
      this.finishIfDone();
      if (!this.isFinished && this.links.link !== undefined) this.linger();
    }
  }

  /** Limits the wait for acknowledgements. */
  private linger(): void {
    this.lingerTimer?.cancel();
    this.lingerTimer = this.clock.deadlines.schedule(() => this.finish(undefined), LINGER_MS);
  }

  abort(info: CloseInfo): void {
    this.isOver = true;
    this.input.clear();
    this.leave();
    this.drop(info);
  }

  /** Ends without waiting, and notifies the peer over the link, if one exists. */
  private drop(info: CloseInfo | undefined): void {
    this.machine.reset();
    this.links.pump();
    this.finish(info);
  }

  /** Ends the channel because a message can be sent over no link. The peer is notified. */
  private endUnsendable(error: Error): void {
    if (this.isFinished) return;
    this.machine.reset();
    this.links.pump();
    this.fail(error);
  }

  /** Ends the channel with an error. */
  fail(error: Error): void {
    this.endError ??= error;
    if (!this.isOver) {
      this.isOver = true;
      this.sink?.failed(error);
      this.leave();
    }
    this.finish(undefined);
  }

  /** Ends the channel without an error of its own, for example when the peer did not return in time. */
  expire(info: CloseInfo): void {
    this.leaveAs(info, info.error);
  }

  protected leaveAs(info: CloseInfo, error: Error | undefined): void {
    this.endError ??= error;
    if (!this.isOver) {
      this.isOver = true;
      this.hasLeft = true;
      this.sink?.disconnected(info);
    }
    this.finish(info);
  }

  /** Reports the end once. */
  private leave(): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.clock.execute(() => this.sink?.disconnected());
  }

  protected finishIfDone(): void {
    if (this.isOver && !this.isFinished && this.machine.isDone) this.finish(undefined);
  }

  private finish(info: CloseInfo | undefined): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.lingerTimer?.cancel();
    this.ackTimer?.cancel();
    this.input.clear();
    const { link } = this.links;
    this.links.lose(this.clock.now());
    if (link?.channel.isOpen) link.channel.end();
    this.owner.finished(info);
    this.output.end(this.endError);
  }
}

function refusedError(which: string, cause: Error | undefined): ChannelError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  const text = `${which} ended ${MAX_REFUSALS} links in a row${why}`;
  return new ChannelError(LASTING_ERRORS.MESSAGE_REFUSED, text, { links: MAX_REFUSALS }, cause);
}

/** Creates the error that the system would report, so that the channel's reason is `reset`. */
function resetError(): Error {
  const text = 'the peer dropped the lasting channel';
  return Object.assign(new Error(text), { code: 'ECONNRESET' });
}
