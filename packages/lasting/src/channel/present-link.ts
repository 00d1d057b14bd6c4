import {
  type Address,
  type Channel,
  type CloseReason,
  clientAddress,
  type WriteFuture,
} from '@headrace/core';
import type { ResumeMachine } from '../protocol/resume-machine.ts';

/** A link, as used by a lasting channel: the context of the last handler in the link's pipeline. */
export interface ResumeLink {
  readonly channel: Channel;
  write(frame: unknown): WriteFuture;
  flush(): void;
  close(reason: CloseReason): WriteFuture;
  fireExceptionCaught(error: Error): unknown;
}

/** Time and addresses of a lost link. Reading the addresses is a system call, so they are read only at the loss. */
interface LostLink {
  readonly at: number;
  readonly local: Address | undefined;
  readonly remote: Address | undefined;
}

// States of writing to the link.
const IDLE = 0;
const PUMPING = 1;
/** Something has changed while frames were written. */
const PUMP_AGAIN = 2;

/** The link of a lasting channel, or facts about the last link, and the frames that are sent over it. */
export class PresentLink {
  /** The current link; `undefined` if none exists. */
  link: ResumeLink | undefined = undefined;
  /** Whether sending is paused, while the channel moves to another process or waits for its log. */
  isPaused = false;
  private readonly machine: ResumeMachine;
  private readonly unsendable: (error: Error) => void;
  private lost: LostLink | undefined = undefined;
  /** Listener for the frames of a link: one for each link, not one for each flush. */
  private settled: ((error: Error | undefined) => void) | undefined = undefined;
  private pumping: typeof IDLE | typeof PUMPING | typeof PUMP_AGAIN = IDLE;

  /** @param unsendable - called for a message that is too long for the link */
  constructor(machine: ResumeMachine, unsendable: (error: Error) => void) {
    this.machine = machine;
    this.unsendable = unsendable;
  }

  get localAddress(): Address | undefined {
    return this.link === undefined ? this.lost?.local : this.link.channel.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.link === undefined ? this.lost?.remote : clientAddress(this.link.channel);
  }

  /** Time at which the previous link was lost; `undefined` if none was lost. */
  get lostAt(): number | undefined {
    return this.lost?.at;
  }

  /** Replaces the current link. Returns the old link. */
  replace(link: ResumeLink, now: number): ResumeLink | undefined {
    const old = this.link;
    this.use(link);
    if (old !== undefined) this.lost = lostLink(old.channel, now);
    return old;
  }

  /** Called for a channel from another process, with the client's last address there. */
  recordOrigin(remote: Address | undefined, now: number): void {
    this.lost = { at: now, local: undefined, remote };
  }

  /** Called when the current link is lost. */
  lose(now: number): void {
    if (this.link === undefined) return;
    // The loss of a link that was not resumed does not count. The earlier loss stays.
    const isLoss = this.lost === undefined || this.machine.isLinked;
    this.lost = lostLink(this.link.channel, isLoss ? now : this.lost!.at);
    this.use(undefined);
  }

  private use(link: ResumeLink | undefined): void {
    this.link = link;
    this.settled = undefined;
  }

  /** Writes frames while the link is writable. Other frames stay in the machine, so that heartbeats need not wait for them. */
  pump(): void {
    if (this.pumping !== IDLE) {
      this.pumping = PUMP_AGAIN;
      return;
    }
    try {
      do {
        this.pumping = PUMPING;
        this.pumpOnce();
      } while (this.isPumpDue);
    } finally {
      this.pumping = IDLE;
    }
  }

  private get isPumpDue(): boolean {
    return this.pumping === PUMP_AGAIN;
  }

  private pumpOnce(): void {
    const { link, machine } = this;
    if (link === undefined || this.isPaused) return;
    const { channel } = link;
    let last: WriteFuture | undefined;
    while (channel.isWritable) {
      const frame = machine.nextFrame();
      if (frame === undefined) break;
      const future = link.write(frame);
      if (future === last) continue;
      last = future;
      this.settled ??= refusedBy(link);
      future.onSettled(this.settled);
    }
    if (machine.unsendable !== undefined) this.unsendable(machine.unsendable);
    if (last === undefined) return;
    link.flush();
    if (last.isSuccess) machine.writesEnded();
  }
}

/** Frames that a lost link did not send are sent over the next link. A failed write on an open link is an error. */
function refusedBy(link: ResumeLink): (error: Error | undefined) => void {
  return (error) => {
    if (error === undefined || !link.channel.isOpen) return;
    link.fireExceptionCaught(error);
    link.close('error');
  };
}

function lostLink(channel: Channel, at: number): LostLink {
  return { at, local: channel.localAddress, remote: clientAddress(channel) };
}
