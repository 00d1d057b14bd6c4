import type { Buffer } from 'node:buffer';
import { ChannelError, type OutboundBytes } from '@headrace/core';
import { sizeOfBytes } from '@headrace/core/authoring';
import { Departure } from '../channel/departure.ts';
import { messageLimitsOf } from '../channel/message-limits.ts';
import type { ResumeLink } from '../channel/present-link.ts';
import type { TransportState } from '../channel/resume-owner.ts';
import { ResumeTransport } from '../channel/resume-transport.ts';
import { encodeResumeFrame, type MovePlace } from '../protocol/resume-frame.ts';
import type { ResumeAction, ResumeTerms, WantedTerms } from '../protocol/resume-machine.ts';

/** A server's end of a lasting channel: it accepts links, sends its client to other places, and moves to other processes. */
export class SessionTransport extends ResumeTransport {
  /** Set while the state is moving to another process and does not change. */
  private departure: Departure | undefined = undefined;

  /** Returns true for a secret that resumes this channel. Takes the same time for every secret. */
  knows(secret: string): boolean {
    return this.machine.knows(secret);
  }

  /** Called when a server's link received an OPEN. The channel begins. */
  accept(link: ResumeLink, wanted: WantedTerms): void {
    this.machine.open(wanted, messageLimitsOf(link.channel));
    this.isConnected = true;
    this.beginLink(link);
  }

  /** Called when a server's link received a RESUME with a known secret. */
  resume(link: ResumeLink, frame: Buffer, hello: ResumeTerms): ResumeAction {
    const action = this.machine.resume(frame, hello, messageLimitsOf(link.channel));
    if (action.do !== 'resumed') return action;
    this.beginLink(link);
    this.resumed(action.resent);
    this.links.pump();
    return action;
  }

  /** Asks the client to move, if a link exists. */
  move(spreadMs: number, places: readonly MovePlace[] | undefined): void {
    if (!this.isLinked) return;
    this.machine.sendUrgent({ kind: 'move', spreadMs, places });
    this.links.pump();
  }

  override write(messages: readonly unknown[], bytes: number): boolean {
    if (this.departure === undefined) return super.write(messages, bytes);
    if (bytes > this.machine.maxMessageBytes) this.refuseTooLong(messages);
    return this.departure.write(messages as readonly OutboundBytes[], bytes);
  }

  protected override fill(): void {
    if (this.departure === undefined) super.fill();
  }

  // --- move to another process ---

  /** Returns true if the client can continue with the other process's copy whenever it can continue with this copy. */
  givesWayTo(state: TransportState): boolean {
    return this.machine.secrets.givesWayTo(state);
  }

  /** Continues a channel of another process. Returns false if more is kept than the client's credit allows. */
  restore(state: TransportState): boolean {
    this.isConnected = true;
    this.isOver = this.hasLeft = state.isClosed;
    this.links.recordOrigin(state.remote, this.clock.now());
    if (!this.machine.restore(state)) return false;
    this.output.addWaiting(state.waiting);
    this.output.fill();
    return true;
  }

  /** Stops passing messages to the pipeline. */
  stopInput(): void {
    this.input.pause();
  }

  /** Continues after `stopInput`. */
  readAgain(): void {
    if (!this.isFinished && this.departure === undefined) this.input.resume();
  }

  /** Returns the state for another process. Until `thaw` or `moveAway`, nothing is read, sent or kept. */
  freeze(): TransportState {
    this.input.endBurst();
    this.input.pause();
    if (!this.isOver) this.channel?.flush();
    this.departure = new Departure(this.output, this.channel?.pendingOutboundBytes ?? 0);
    if (!this.isOver && this.output.hasWaiting) this.sink!.written();
    this.departure.begin();
    this.links.isPaused = true;
    const waiting = this.output.waitingPayloads();
    const { isOver: isClosed, remoteAddress: remote } = this;
    return { ...this.machine.state, waiting, isClosed, remote };
  }

  /** Returns true if the channel has ended, or begun to end, since the state was captured. */
  hasEndedSince({ isClosed, endReason }: TransportState): boolean {
    return (
      this.isFinished || this.isOver !== isClosed || this.machine.state.endReason !== endReason
    );
  }

  /**
   * Called when the other process may have the channel too. Drops the link and its unread messages. The client continues in the
   * process that it reaches first, and cannot continue in the other process after that.
   */
  contest(): void {
    this.machine.secrets.isShared = true;
    this.input.clear();
    const { link } = this.links;
    if (link === undefined) return;
    this.loseLink(link);
    sendAway(link);
    link.channel.end({ reason: 'moved' });
  }

  /** Continues here, because the other process has not accepted the channel. */
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
    this.input.resume();
    this.links.pump();
    this.finishIfDone();
  }

  /** Ends the link after another process has accepted the channel. The client then resumes the channel there. */
  moveAway(): void {
    const text =
      'the lasting channel goes on in another process, and took along what was not acknowledged';
    this.machine.forget();
    if (this.links.link !== undefined) sendAway(this.links.link);
    this.leaveAs(
      { reason: 'moved', by: 'local', error: undefined },
      new ChannelError('CHANNEL_CLOSED', text),
    );
  }
}

/** Tells the client to connect again at once. Otherwise, the client would take the end of the link for a failure, and wait. */
function sendAway(link: ResumeLink): void {
  const frame = encodeResumeFrame({ kind: 'move', spreadMs: 0, places: undefined });
  link.write(frame).onSettled(() => {});
  link.flush();
}
