import { ChannelError, type Clock, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { CLUSTER_ERRORS } from '../../error/cluster-errors.ts';
import type { MeshPeer } from './mesh-peer.ts';
import type { StateFields } from './mesh-state-frame.ts';

/** What becomes of a question to another node. One of the two is called, once, unless the link ends first. */
export interface Outcome<T> {
  done(answer: T): void;
  failed(error: Error): void;
}

interface Asked {
  readonly peer: MeshPeer;
  readonly at: number;
  answered(fields: StateFields): void;
  failed(error: Error): void;
}

/** Maximum time for an answer. A node that has stopped is noticed about then. */
const ANSWER_WITHIN_MS = 4000;
/** Interval at which the oldest questions are looked at. */
const LOOK_EACH_MS = 500;
/** Maximum number of questions without an answer. */
const MAX_ASKED = 4096;

/** Makes the error of a call that another node does not carry out at present. */
export function notNow(why: string, cause?: Error): ChannelError {
  return new ChannelError(CLUSTER_ERRORS.BUS_DOWN, why, {}, cause);
}

/** The questions to other nodes, until their answers. The answers to one node arrive in the order in which it gives them. */
export class MeshRequests {
  private readonly clock: Clock;
  private readonly asked = new Map<number, Asked>();
  private lastNumber = 0;
  private timer: Timer | undefined = undefined;
  private isOver = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * Notes a question, and returns its number.
   *
   * @param read - a function that reads the answer, and throws for an answer of another version
   * @throws Error if too many questions have no answer, or the link has ended
   */
  begin<T>(peer: MeshPeer, read: (fields: StateFields) => T, outcome: Outcome<T>): number {
    if (this.isOver) throw notNow('this node leaves');
    if (this.asked.size >= MAX_ASKED) throw notNow('too many questions have no answer yet');
    this.lastNumber += 1;
    const answered = (fields: StateFields): void => {
      let answer: T;
      try {
        answer = read(fields);
      } catch (thrown) {
        outcome.failed(notNow(`the node ${peer.name} runs another version`, toError(thrown)));
        return;
      }
      outcome.done(answer);
    };
    const failed = (error: Error): void => outcome.failed(error);
    this.asked.set(this.lastNumber, { peer, at: this.clock.now(), answered, failed });
    this.timer ??= this.clock.schedule(() => this.look(), LOOK_EACH_MS);
    return this.lastNumber;
  }

  answered(peer: MeshPeer, number: number, fields: StateFields): void {
    this.take(peer, number)?.answered(fields);
  }

  refused(peer: MeshPeer, number: number, why: string): void {
    this.take(peer, number)?.failed(notNow(why));
  }

  /** Called when a node is gone: it answers nothing more. */
  gone(peer: MeshPeer): void {
    this.fail((one) => one.peer === peer, `the node ${peer.name} is gone`);
  }

  close(): void {
    this.isOver = true;
    this.timer?.cancel();
    this.asked.clear();
  }

  private take(peer: MeshPeer, number: number): Asked | undefined {
    const asked = this.asked.get(number);
    // A node answers only its own questions.
    if (asked?.peer !== peer) return undefined;
    this.asked.delete(number);
    return asked;
  }

  private look(): void {
    const before = this.clock.now() - ANSWER_WITHIN_MS;
    this.timer = undefined;
    this.fail(({ at }) => at <= before, `no answer within ${ANSWER_WITHIN_MS} ms`);
    if (this.asked.size === 0) return;
    this.timer ??= this.clock.schedule(() => this.look(), LOOK_EACH_MS);
  }

  private fail(isOver: (one: Asked) => boolean, why: string): void {
    const over = [...this.asked].filter(([, one]) => isOver(one));
    for (const [number] of over) this.asked.delete(number);
    for (const [, { failed }] of over) failed(notNow(why));
  }
}
