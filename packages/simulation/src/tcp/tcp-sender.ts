import { Buffer } from 'node:buffer';
import type { Timer } from '@headrace/core';
import { systemError } from '@headrace/core/authoring';
import type { SimulatedTime } from '../simulated-time.ts';
import { SendBuffer } from './send-buffer.ts';
import type { Acknowledgement } from './tcp-receiver.ts';
import { RETRANSMISSION_TIMEOUT_MS, type ResolvedTcpSettings } from './tcp-settings.ts';
import { type WindowedEnd, WindowProbes } from './window-probes.ts';

/** The end that the sending half belongs to. */
export interface SendingEnd {
  readonly isOpen: boolean;
  sendData(place: number, bytes: Buffer, isLast: boolean): void;
  sendProbe(what: string): void;
  breaks(error: Error): void;
}

/** The part of a kernel that a sender uses. */
export interface SendingKernel {
  readonly time: SimulatedTime;
  readonly settings: ResolvedTcpSettings;
  /** Returns the position at which to split a segment of this size. Returns the size if the segment is not split. */
  cutAt(bytes: number): number;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 120_000;
const NEVER = Number.POSITIVE_INFINITY;
const EMPTY = Buffer.alloc(0);

/**
 * The sending half of a connection. It handles bytes without an acknowledgement, the window of the other end, the FIN, and
 * retransmission with doubling pauses. The retransmission timer is set only after a loss, which the simulation reports at
 * once. Therefore a quiet connection causes no events.
 *
 * @see RFC 9293, 3.3.1 (SND.UNA, SND.NXT, SND.WND); RFC 6298 (retransmission)
 */
export class TcpSender implements WindowedEnd {
  private readonly end: SendingEnd;
  private readonly kernel: SendingKernel;
  private readonly capacity: number;
  private readonly output = new SendBuffer();
  private readonly probes: WindowProbes;
  private next = 0;
  private windowEnd = 0;
  private finPlace = NEVER;
  /** Whether the FIN and all bytes before it have arrived. */
  isFinAcknowledged = false;
  private pauseMs = FIRST_PAUSE_MS;
  private lostSince = -1;
  /** Whether a router reported after the last loss that the host cannot be reached. */
  private wasAnswered = false;
  private retransmission: Timer | undefined = undefined;

  constructor(end: SendingEnd, kernel: SendingKernel, bufferBytes: number) {
    this.end = end;
    this.kernel = kernel;
    this.capacity = bufferBytes;
    this.probes = new WindowProbes(this, kernel.time);
  }

  /** Number of bytes that {@link send} accepts now. */
  get room(): number {
    return Math.max(0, this.capacity - this.output.bytes);
  }

  get unacknowledgedBytes(): number {
    return this.output.bytes;
  }

  /** Whether the FIN has a position, so that no more bytes are accepted. */
  get isFinished(): boolean {
    return this.finPlace !== NEVER;
  }

  /** Whether bytes, sent or waiting, or a sent FIN are not acknowledged yet. */
  get awaitsAcknowledgement(): boolean {
    return this.output.bytes > 0 || (this.next > this.finPlace && !this.isFinAcknowledged);
  }

  get isShutOut(): boolean {
    const { next, output, retransmission } = this;
    return (
      this.end.isOpen && next === output.start && next < output.end && retransmission === undefined
    );
  }

  /** Opens the half with the first window of the other end. {@link push} sends the waiting bytes. */
  open(windowEnd: number): void {
    this.windowEnd = windowEnd;
  }

  send(chunk: Buffer): void {
    this.output.add(chunk);
    this.push();
  }

  /** Sends a FIN after all bytes that were passed to {@link send}. */
  finish(): void {
    if (this.isFinished) return;
    this.finPlace = this.output.end;
    this.push();
  }

  /** Sends the bytes that fit in the window. */
  push(): void {
    const { end, output } = this;
    if (!end.isOpen) return;
    const limit = Math.min(output.end, this.windowEnd);
    while (this.next < limit) {
      const bytes = this.kernel.cutAt(limit - this.next);
      const piece = output.slice(this.next, this.next + bytes);
      this.next += bytes;
      const isLast = this.next === this.finPlace;
      end.sendData(this.next - bytes, piece, isLast);
      if (isLast) this.next += 1;
    }
    if (this.next === this.finPlace) {
      this.next += 1;
      end.sendData(this.finPlace, EMPTY, true);
    }
    this.probes.look();
  }

  /** Handles an acknowledgement. {@link push} then sends the bytes that fit in the new window. */
  acknowledged({ place, windowEnd }: Acknowledgement): void {
    const { output } = this;
    this.lostSince = -1;
    this.pauseMs = FIRST_PAUSE_MS;
    this.windowEnd = Math.max(this.windowEnd, windowEnd);
    const data = Math.min(place, output.end);
    if (data > output.start) output.acknowledge(data);
    this.next = Math.max(this.next, place);
    if (place > this.finPlace) this.isFinAcknowledged = true;
    if (!this.awaitsAcknowledgement) {
      this.retransmission?.cancel();
      this.retransmission = undefined;
    } else if (this.retransmission !== undefined) this.lostSince = this.kernel.time.now;
  }

  /** Handles the loss of a segment, or of its acknowledgement. */
  lost(isAnswered: boolean): void {
    if (!this.end.isOpen) return;
    this.wasAnswered = isAnswered;
    if (this.retransmission !== undefined) return;
    const { time } = this.kernel;
    if (this.lostSince < 0) this.lostSince = time.now;
    const wait = Math.min(this.pauseMs, this.giveUpAt - time.now);
    this.retransmission = time.plan(time.now + wait, () => {
      this.retransmission = undefined;
      this.sendAgain();
    });
  }

  /** Stops sending, because the end has gone. */
  stop(): void {
    this.retransmission?.cancel();
    this.probes.stop();
    this.output.clear();
  }

  sendWindowProbe(): void {
    this.end.sendProbe('window probe');
  }

  private sendAgain(): void {
    const { end, output } = this;
    if (!end.isOpen || this.lostSince < 0) return;
    if (this.kernel.time.now >= this.giveUpAt) {
      const code = this.wasAnswered ? 'EHOSTUNREACH' : 'ETIMEDOUT';
      end.breaks(systemError(code, `read ${code}: what was sent is not acknowledged`));
      return;
    }
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    this.next = output.start;
    if (this.windowEnd <= this.next && this.next < output.end) this.sendWindowProbe();
    else this.push();
  }

  private get giveUpAt(): number {
    return this.lostSince + RETRANSMISSION_TIMEOUT_MS;
  }
}
