import type { BodyType } from '@headrace/cluster/authoring';
import { ReceiveSequence } from '@headrace/core/authoring';
import { FLAG, type GatewayFrame, OP } from './gateway-frame.ts';
import { KeptFrames } from './kept-frames.ts';

/** The jobs of a worker for a connection, one after the other. */
export type SessionJob =
  | { readonly what: 'connect'; readonly isMoved: boolean }
  | {
      readonly what: 'message';
      readonly number: number;
      readonly bodyType: BodyType;
      readonly body: Buffer;
      readonly isRepeated: boolean;
    }
  | {
      readonly what: 'close';
      readonly number: number | undefined;
      readonly reason: string;
      /** Whether the session ended before its `connect` began. */
      readonly isUnseen: boolean;
    };

/** A write or a close of the worker: a frame of the bus with its size in memory. */
export interface KeptAnswer {
  readonly frame: Buffer;
  readonly size: number;
}

/** The answer to a frame: none, or an acknowledgement with these flags. */
export type SessionAnswer = { readonly flags: number; readonly echo: number } | undefined;

const PLAIN = { flags: 0, echo: 0 };

/** One connection at its worker, without the code that handles it: the received and the handled messages. */
export class GatewaySession {
  readonly gateway: string;
  readonly connection: number;
  readonly epoch: number;
  readonly jobs: SessionJob[] = [];
  /** The writes and the close that the gateway has not confirmed, or undefined if they are not numbered. */
  readonly answers: KeptFrames<KeptAnswer> | undefined;
  /** The number of writes and closes that did not reach the gateway, and will not. */
  lost = 0;
  private readonly isAcknowledged: boolean;
  private readonly sequence: ReceiveSequence;
  private lastHandled: number;
  private isGapKnown = false;
  private isClosing = false;
  /** Whether the connection has closed, so that nobody waits for its answers. */
  private hasClosed = false;
  private isWantedBack = false;

  constructor(gateway: string, { connection, epoch, flags, number }: GatewayFrame) {
    this.gateway = gateway;
    this.connection = connection;
    this.epoch = epoch;
    this.isAcknowledged = (flags & FLAG.acknowledged) !== 0;
    this.answers = this.isAcknowledged ? new KeptFrames() : undefined;
    this.sequence = new ReceiveSequence(number);
    this.lastHandled = number;
    this.jobs.push({ what: 'connect', isMoved: (flags & FLAG.moved) !== 0 });
  }

  /** The number of the last received message. With acknowledgements, no message before it is missing. */
  get received(): number {
    return this.sequence.received;
  }

  get handled(): number {
    return this.lastHandled;
  }

  /** The number of messages that did not arrive, and will not. */
  get missed(): number {
    return this.sequence.missed;
  }

  /**
   * Whether the gateway wants the connection back, no job is left, and the gateway has all answers. Call this getter while no job is
   * under way.
   */
  get mustReturn(): boolean {
    const { answers, jobs } = this;
    return this.isWantedBack && !this.isClosing && jobs.length === 0 && (answers?.isEmpty ?? true);
  }

  /** Accepts a frame of this epoch. */
  take(frame: GatewayFrame): SessionAnswer {
    const { op, number } = frame;
    if (op === OP.open) return { flags: FLAG.answer, echo: number };
    if (op === OP.sync) return this.asked(frame);
    const gap = this.sequence.gapBefore(number);
    if (gap < 0) return PLAIN;
    if (this.isAcknowledged && gap > 0) {
      if (this.isGapKnown) return undefined;
      this.isGapKnown = true;
      return { flags: FLAG.gap, echo: 0 };
    }
    this.isGapKnown = false;
    this.sequence.receive(number);
    this.jobs.push(jobOf(frame));
    if (op === OP.closed) this.hasClosed = true;
    return undefined;
  }

  /** Forgets the unconfirmed answers. Returns the number of those that the connection misses. */
  loseAnswers(): number {
    const { answers } = this;
    const count = answers?.release(answers.last).length ?? 0;
    if (this.hasClosed) return 0;
    this.lost += count;
    return count;
  }

  /** Ends the session, because the gateway no longer assigns the connection to this worker. */
  leave(reason: string): void {
    const isUnseen = this.jobs[0]?.what === 'connect';
    this.jobs.length = 0;
    if (!this.isClosing) this.jobs.push({ what: 'close', number: undefined, reason, isUnseen });
    this.isClosing = true;
  }

  /** Called when a job is done. */
  finished(job: SessionJob): void {
    if (job.what === 'close') this.isClosing = true;
    if (job.what !== 'connect' && job.number !== undefined) this.lastHandled = job.number;
    if (this.jobs.length === 0) this.lastHandled = this.received;
  }

  /** All frames sent before this question have arrived by now, or are lost. */
  private asked({ number, flags }: GatewayFrame): SessionAnswer {
    if (!this.isAcknowledged && number > this.received) {
      const isIdle = this.lastHandled === this.received;
      this.sequence.giveUp(number);
      if (isIdle) this.lastHandled = number;
    }
    this.isGapKnown = false;
    if ((flags & FLAG.giveBack) !== 0) this.wantedBack();
    return { flags: FLAG.answer, echo: number };
  }

  /** Leaves the messages that have not begun to the next worker. Without acknowledgements, no other worker can receive them. */
  private wantedBack(): void {
    this.isWantedBack = true;
    if (!this.isAcknowledged) return;
    const first = this.jobs.findIndex(({ what }) => what !== 'connect');
    if (first < 0) return;
    // All jobs from here on are numbered, without a gap.
    this.sequence.received -= this.jobs.length - first;
    this.jobs.length = first;
  }
}

function jobOf({ op, number, bodyType, body, flags }: GatewayFrame): SessionJob {
  if (op === OP.closed) {
    return { what: 'close', number, reason: body.toString('utf8'), isUnseen: false };
  }
  const isRepeated = (flags & FLAG.repeated) !== 0;
  return { what: 'message', number, bodyType, body, isRepeated };
}
