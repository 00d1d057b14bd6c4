import {
  type Address,
  type Channel,
  type CloseReason,
  clientAddress,
  type WriteFuture,
} from '@headrace/core';
import type { ResumeMachine } from '../protocol/resume-machine.ts';

/** A link as a lasting channel needs it: the place of the last handler in its pipeline. */
export interface ResumeLink {
  readonly channel: Channel;
  write(frame: unknown): WriteFuture;
  flush(): void;
  close(reason: CloseReason): WriteFuture;
  fireExceptionCaught(error: Error): unknown;
}

/** When a link went, and its addresses: before that, asking for them would cost the system a call. */
interface LostLink {
  readonly at: number;
  readonly local: Address | undefined;
  readonly remote: Address | undefined;
}

// Giving the link what it takes.
const IDLE = 0;
const PUMPING = 1;
/** Meanwhile something has changed. */
const PUMP_AGAIN = 2;

/** The link of a lasting channel, or what is known of the last one, and the frames that go over it. */
export class PresentLink {
  /** `undefined`: there is none now. */
  link: ResumeLink | undefined = undefined;
  /** Nothing goes over the link: the channel is on its way to another process. */
  isPaused = false;
  private readonly machine: ResumeMachine;
  private lost: LostLink | undefined = undefined;
  /** Of the frames that the link takes; one for each link, and not for each flush. */
  private settled: ((error: Error | undefined) => void) | undefined = undefined;
  private pumping: typeof IDLE | typeof PUMPING | typeof PUMP_AGAIN = IDLE;

  constructor(machine: ResumeMachine) {
    this.machine = machine;
  }

  get localAddress(): Address | undefined {
    return this.link === undefined ? this.lost?.local : this.link.channel.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.link === undefined ? this.lost?.remote : clientAddress(this.link.channel);
  }

  /** When the link before the present one was lost; `undefined`: never. */
  get lostAt(): number | undefined {
    return this.lost?.at;
  }

  /** Another link takes the place of the present one, which is returned. */
  replace(link: ResumeLink, now: number): ResumeLink | undefined {
    const old = this.link;
    this.use(link);
    if (old !== undefined) this.lost = lostLink(old.channel, now);
    return old;
  }

  /** The channel comes from another process, where its client was at this address. */
  comeFrom(remote: Address | undefined, now: number): void {
    this.lost = { at: now, local: undefined, remote };
  }

  /** The present link is gone. */
  lose(now: number): void {
    if (this.link === undefined) return;
    // One that was not resumed changes nothing: the loss is that of the link before.
    const isLoss = this.lost === undefined || this.machine.isLinked;
    this.lost = lostLink(this.link.channel, isLoss ? now : this.lost!.at);
    this.use(undefined);
  }

  private use(link: ResumeLink | undefined): void {
    this.link = link;
    this.settled = undefined;
  }

  /** Gives the link as much as it takes; the rest waits in the machine, so that heartbeats need not wait for it. */
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
    if (last === undefined) return;
    link.flush();
    if (last.isSuccess) machine.writesEnded();
  }
}

/** Frames that a link did not take go out over the next one; a link that is open must take them. */
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
