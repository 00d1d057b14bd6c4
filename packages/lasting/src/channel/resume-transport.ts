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
import { ACK_MS } from '../protocol/incoming-messages.ts';
import type { MovePlace } from '../protocol/resume-frame.ts';
import { type ResumeAction, ResumeMachine } from '../protocol/resume-machine.ts';
import { Departure } from './departure.ts';
import { type InputOwner, LastingInput } from './lasting-input.ts';
import { LastingOutput } from './lasting-output.ts';
import { PresentLink, type ResumeLink } from './present-link.ts';
import { LinkLostEvent, LinkMoveEvent, LinkResumedEvent } from './resume-event.ts';
import type { ResumeOwner, ResumeTransportOptions, TransportState } from './resume-owner.ts';

/** How long a closed channel waits for the acknowledgement of what it sent, while it has a link. */
const LINGER_MS = 10_000;

/**
 * The transport of a lasting channel: messages in and out over a succession of links. Outbound messages are kept
 * until the peer has them; inbound messages count as received when the pipeline has taken them. The transport
 * always takes the data that a link has read, so heartbeats pass; the credit bounds its amount.
 *
 * Both ends reach a lasting channel through it alone: a link reports what happens to it with one call for each event,
 * and nothing else uses its machine.
 */
export class ResumeTransport implements Transport, InputOwner {
  readonly clock: Clock;
  /** The channel over it, in whose pipeline events are fired. */
  channel: Channel | undefined = undefined;
  sink: TransportSink | undefined = undefined;
  /** The channel has closed, or is closing. */
  isOver = false;
  protected readonly machine: ResumeMachine;
  protected readonly owner: ResumeOwner;
  protected readonly links: PresentLink;
  protected readonly input: LastingInput;
  protected readonly output: LastingOutput;
  /** How often the channel asked, without a link, whether anything is sent. */
  private looks = 0;
  private hasPeerEnded = false;
  private ackTimer: Timer | undefined = undefined;
  private isConnected = false;
  private hasLeft = false;
  /** It is over: nothing is kept for the peer, and no link is awaited. */
  isFinished = false;
  /** Its state is on the way to another process, and does not change. */
  private departure: Departure | undefined = undefined;
  private endError: Error | undefined = undefined;
  private lingerTimer: Timer | undefined = undefined;

  constructor(options: ResumeTransportOptions) {
    this.machine = new ResumeMachine(options);
    this.links = new PresentLink(this.machine);
    this.input = this.newInput();
    this.output = new LastingOutput(this.machine);
    this.clock = options.clock;
    this.owner = options.owner;
  }

  protected newInput(): LastingInput {
    return new LastingInput(this);
  }

  // --- state ---

  /** The channel's name; empty until both ends have agreed on it. */
  get id(): string {
    return this.machine.id;
  }

  /** How long the other end may be absent; after the exchange, what both agreed on. */
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
    const most = Math.max(0, this.machine.maxPayloadBytes);
    return `Buffers of at most ${most} bytes, which is what the peer's credit allows`;
  }

  get unsentBytes(): number {
    // That nothing is taken while there is no link is not the peer's fault: it counts as progress.
    if (!this.waitsForPeer) this.looks += 1;
    return -(this.machine.acknowledgedMessages + this.looks);
  }

  protected get waitsForPeer(): boolean {
    return this.links.link !== undefined;
  }

  /** Of the link: one long message comes in pieces, and is acknowledged as a whole. */
  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.links.link?.channel)?.unacknowledgedBytes;
  }

  /** Messages pass now. */
  get isLinked(): boolean {
    return this.links.link !== undefined && this.machine.isLinked;
  }

  /** Bytes of the messages that are kept for the peer. */
  get keptBytes(): number {
    return this.machine.keptBytes;
  }

  /** The copy that another process gives knows the client at least as well as this one. */
  givesWayTo(state: TransportState): boolean {
    return this.machine.secrets.givesWayTo(state);
  }

  /** True for a secret that resumes this channel. Takes the same time for every one. */
  knows(secret: string): boolean {
    return this.machine.knows(secret);
  }

  open(sink: TransportSink): void {
    const isFirst = this.sink === undefined;
    this.sink = sink;
    if (isFirst) this.owner.begin();
  }

  private fire(event: unknown): void {
    if (this.isActive) this.channel?.pipeline.fireUserEventTriggered(event);
  }

  // --- what a link reports ---

  /** The client has a link: OPEN goes out, or RESUME. */
  greet(link: ResumeLink): void {
    this.machine.beginLink();
    this.beginLink(link);
    this.links.pump();
  }

  /** An OPEN came over a link of the server: this channel begins. */
  accept(link: ResumeLink, wanted: { windowMs: number; creditBytes: number }): void {
    this.machine.open(wanted);
    this.isConnected = true;
    this.beginLink(link);
  }

  /** A RESUME with a secret that is known came in this frame over a link of the server. */
  resume(
    link: ResumeLink,
    frame: Buffer,
    hello: { received: number; secret: string },
  ): ResumeAction {
    const action = this.machine.resume(frame, hello);
    if (action.do !== 'resumed') return action;
    this.beginLink(link);
    this.resumed(action.resent);
    this.links.pump();
    return action;
  }

  /** A frame came over a link. Returns the error if it breaks the protocol. */
  frame(link: ResumeLink, frame: Buffer): Error | undefined {
    if (this.links.link !== link || this.isFinished) return undefined;
    const action = this.machine.received(frame, this.input);
    return action === undefined ? undefined : this.carryOut(action);
  }

  /** A burst of messages that arrived together over a link has ended. */
  frameComplete(link: ResumeLink): void {
    if (this.links.link !== link) return;
    this.input.endBurst();
    this.drained();
  }

  /** The link takes more. */
  linkWritable(link: ResumeLink): void {
    if (this.links.link === link) this.links.pump();
  }

  /** A link is gone. */
  loseLink(link: ResumeLink): void {
    if (this.links.link !== link) return;
    const wasLinked = this.machine.isLinked;
    this.links.lose(this.clock.now());
    this.ackTimer?.cancel();
    this.lingerTimer?.cancel();
    this.ackTimer = this.lingerTimer = undefined;
    this.machine.loseLink();
    if (!this.isFinished && this.isOver && !this.owner.outlivesChannel) this.finish(undefined);
    // A link that was lost before the answer to RESUME changes nothing: there was none, and there is none.
    if (this.isFinished || !wasLinked) return;
    this.owner.detached(link);
    this.fire(new LinkLostEvent(link.channel.closeInfo));
  }

  /** The server asks its client to go elsewhere, if there is a link. */
  move(spreadMs: number, places: readonly MovePlace[] | undefined): void {
    if (!this.isLinked) return;
    this.machine.sendUrgent({ kind: 'move', spreadMs, places });
    this.links.pump();
  }

  /** The machine has been notified of the link. One that is still open is replaced. */
  protected beginLink(link: ResumeLink): void {
    this.input.clear();
    const old = this.links.replace(link, this.clock.now());
    if (this.isOver) this.linger();
    if (old === undefined) return;
    old.channel.close('replaced');
    this.fire(new LinkLostEvent(old.channel.closeInfo));
  }

  private resumed(resent: number): void {
    this.owner.attached();
    this.fire(new LinkResumedEvent(this.clock.now() - (this.links.lostAt ?? 0), resent));
    this.fill();
  }

  private carryOut(action: ResumeAction): Error | undefined {
    switch (action.do) {
      case 'acknowledged':
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
        // A peer that has ended its half and closes forgets the rest, as TCP answers what comes late by a reset.
        if (this.hasPeerEnded) this.fail(resetError());
        else this.owner.gone(action);
        break;
      case 'move':
        this.fire(new LinkMoveEvent(action.spreadMs, action.places));
        this.owner.moved(action);
        break;
      case 'fail':
        // Its handler ends the link, with the reason.
        this.links.lose(this.clock.now());
        this.fail(action.error);
        return action.error;
    }
    return undefined;
  }

  // --- at another process ---

  /** Goes on with a channel that another process had. False if more is kept than the client's credit. */
  goOn(state: TransportState): boolean {
    this.isConnected = true;
    this.isOver = this.hasLeft = state.isClosed;
    this.links.comeFrom(state.remote, this.clock.now());
    if (!this.machine.goOn(state)) return false;
    this.output.addWaiting(state.waiting);
    this.output.fill();
    return true;
  }

  /** Passes nothing more to the pipeline. */
  stopInput(): void {
    this.input.stop();
  }

  /** Goes on after `stopInput`. */
  readAgain(): void {
    if (!this.isFinished && this.departure === undefined) this.input.goOn();
  }

  /** Takes the state for another process. Nothing is taken, sent or kept any more, until `thaw` or `moveAway`. */
  freeze(): TransportState {
    this.input.endBurst();
    this.input.stop();
    if (!this.isOver) this.channel?.flush();
    this.departure = new Departure(this.output, this.channel?.pendingOutboundBytes ?? 0);
    if (!this.isOver && this.output.hasWaiting) this.sink!.written();
    this.departure.begin();
    this.links.isPaused = true;
    const waiting = this.output.waitingPayloads();
    const { isOver: isClosed, remoteAddress: remote } = this;
    return { ...this.machine.state, waiting, isClosed, remote };
  }

  /** It has ended, or begun to end, since its state was taken. */
  hasEndedSince({ isClosed, endReason }: TransportState): boolean {
    return (
      this.isFinished || this.isOver !== isClosed || this.machine.state.endReason !== endReason
    );
  }

  /**
   * The other process may have it, too. It gives its link up, with what came and was not taken: the client goes on with the one
   * that it reaches first, and cannot go on with the other one after that.
   */
  contest(): void {
    this.machine.secrets.isShared = true;
    this.input.clear();
    const { link } = this.links;
    if (link === undefined) return;
    this.loseLink(link);
    link.channel.end({ reason: 'moved' });
  }

  /** The other process has not taken it: it goes on here. */
  thaw(): void {
    const late = this.departure?.late ?? [];
    this.departure = undefined;
    this.links.isPaused = false;
    if (this.isFinished) return;
    if (late.length > 0 && !this.isOver) {
      const bytes = late.reduce((sum, message) => sum + sizeOfBytes(message), 0);
      this.output.write(late, bytes);
      if (!this.output.hasWaiting) this.sink!.written();
    }
    this.fill();
    this.input.goOn();
    this.links.pump();
    this.finishIfDone();
  }

  /** Another process has taken it: its link ends, and the client finds the channel there. */
  moveAway(): void {
    const text =
      'the lasting channel goes on in another process, and took along what was not acknowledged';
    this.machine.forget();
    this.leaveAs(
      { reason: 'moved', by: 'local', error: undefined },
      new ChannelError('CHANNEL_CLOSED', text),
    );
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
    // The peer's credit is not known before the exchange: `write` looks again.
    return this.isConnected && size > this.machine.maxPayloadBytes ? -1 : size;
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    if (bytes > this.machine.maxPayloadBytes) this.refuseTooLong(messages);
    const payloads = messages as readonly OutboundBytes[];
    if (this.departure !== undefined) return this.departure.write(payloads, bytes);
    this.output.write(payloads, bytes);
    if (this.links.link === undefined) this.owner.grew();
    else this.links.pump();
    return !this.output.hasWaiting;
  }

  /** It would wait for ever. */
  protected refuseTooLong(messages: readonly unknown[]): void {
    const tooLong = messages.map(sizeOfBytes).find((size) => size > this.machine.maxPayloadBytes);
    if (tooLong === undefined) return;
    const text = `a message of ${tooLong} bytes, written before the connection was up: the channel takes ${this.accepts}`;
    throw new EncodeError('MESSAGE_TOO_LONG', text, { bytes: tooLong });
  }

  protected fill(): void {
    if (this.departure !== undefined) return;
    if (this.output.fill() && !this.isOver) this.sink!.written();
  }

  /** Resolves when the peer has everything that has been taken so far. */
  acknowledged(): Promise<void> {
    return this.output.acknowledged();
  }

  /** The messages that were taken and that the peer has not acknowledged, oldest first. */
  unacknowledged(): Buffer[] {
    return this.machine.unacknowledged();
  }

  /** Nothing is kept for the peer any more. */
  forget(): void {
    this.machine.forget();
  }

  // --- the end ---

  /** Our half ends after everything that was written. */
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
    const hadUnread = this.input.hasWaiting;
    this.input.clear();
    // A slow consumer would not take what is kept for it.
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

  /** A link on which nothing is acknowledged is not waited for. */
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

  /** Tells the peer, if it is there, and waits for nothing. */
  private drop(info: CloseInfo | undefined): void {
    this.machine.reset();
    this.links.pump();
    this.finish(info);
  }

  /** An error that ends the channel. */
  fail(error: Error): void {
    this.endError ??= error;
    if (!this.isOver) {
      this.isOver = true;
      this.sink?.failed(error);
      this.leave();
    }
    this.finish(undefined);
  }

  /** It ends without an error of its own, as when the peer did not come back in time. */
  expire(info: CloseInfo): void {
    this.leaveAs(info, info.error);
  }

  private leaveAs(info: CloseInfo, error: Error | undefined): void {
    this.endError ??= error;
    if (!this.isOver) {
      this.isOver = true;
      this.hasLeft = true;
      this.sink?.disconnected(info);
    }
    this.finish(info);
  }

  /** Reports the end, once. */
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

/** As the system would report it, so that the channel's reason is `reset`. */
function resetError(): Error {
  const text = 'the peer dropped the lasting channel';
  return Object.assign(new Error(text), { code: 'ECONNRESET' });
}
