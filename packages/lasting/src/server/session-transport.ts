import type { Buffer } from 'node:buffer';
import { ChannelError } from '@headrace/core';
import { messageLimitsOf } from '../channel/message-limits.ts';
import type { ResumeLink } from '../channel/present-link.ts';
import type { TransportState } from '../channel/resume-owner.ts';
import { ResumeTransport } from '../channel/resume-transport.ts';
import { encodeResumeFrame, type MovePlace } from '../protocol/resume-frame.ts';
import type { ResumeAction, ResumeTerms, WantedTerms } from '../protocol/resume-machine.ts';

/** A server's end of a lasting channel: it accepts links, sends its client to other places, and moves to other processes. */
export class SessionTransport extends ResumeTransport {
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

  /** Asks the client to move, if a link exists. Returns false without a link. */
  move(spreadMs: number, places: readonly MovePlace[] | undefined): boolean {
    if (!this.isLinked) return false;
    this.machine.sendUrgent({ kind: 'move', spreadMs, places });
    this.links.pump();
    return true;
  }

  // --- move to another process ---

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
    if (!this.isFinished) this.input.resume();
  }

  /** Ends the link after the log has taken the channel. The client then resumes the channel in another process. */
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
