import type { Channel, ChannelGroup } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { type GroupAnswers, type MemberAnswer, requestAll } from '@headrace/rpc';
import type { Wire } from '../node/wire.ts';
import { toWireError, toWireValue, type WireAnswer, wireErrorBytes } from './member-note.ts';

/** A group of this node whose members other nodes may ask. */
export interface AskedGroup {
  readonly local: ChannelGroup<never>;
  readonly idOf: (channel: Channel) => string;
}

/** A part of the answer to one node. */
export interface AnswerNote {
  readonly count: number;
  /** The ids of the members that begin at the place `from`. */
  readonly from?: number;
  readonly ids?: readonly string[];
  readonly answers?: readonly WireAnswer[];
}

const IDS_OF_NOTE = 1000;
const ANSWERS_OF_NOTE = 1000;
const BYTES_OF_NOTE = 64 * 1024;

/**
 * The members of one group on this node, asked by another node. Answers are sent in batches, once for each turn of the event
 * loop.
 */
export class AskedMembers {
  private readonly places = new Map<Channel, number>();
  private readonly wire: Wire;
  private readonly send: (note: AnswerNote) => void;
  private answers: GroupAnswers<MemberAnswer<unknown>> | undefined = undefined;
  private batch: WireAnswer[] = [];
  private bytes = 0;
  private isScheduled = false;

  constructor(wire: Wire, send: (note: AnswerNote) => void) {
    this.wire = wire;
    this.send = send;
  }

  /** Resolves when all members have answered, or the question is canceled. */
  async ask({ local, idOf }: AskedGroup, body: unknown, timeoutMs: number): Promise<void> {
    const channels = [...local].filter(({ isServer }) => !isServer);
    const count = channels.length;
    for (const [at, channel] of channels.entries()) this.places.set(channel, at);
    // Sent first, so that the other node knows the missing answers even if this node fails.
    for (let from = 0; from === 0 || from < count; from += IDS_OF_NOTE) {
      this.send({ count, from, ids: channels.slice(from, from + IDS_OF_NOTE).map(idOf) });
    }
    this.answers = requestAll(local, body as never, { timeoutMs });
    for await (const one of this.answers) this.add(one);
    this.flush();
  }

  cancel(): void {
    this.answers?.cancel();
    this.batch = [];
  }

  private add({ channel, answer, error }: MemberAnswer<unknown>): void {
    const at = this.places.get(channel)!;
    const { maxBodyBytes } = this.wire;
    const { bytes, wire } = error === undefined ? wireOf(answer, maxBodyBytes) : errorOf(error);
    this.batch.push({ at, ...wire });
    this.bytes += bytes;
    const most = Math.min(BYTES_OF_NOTE, maxBodyBytes / 4);
    if (this.batch.length >= ANSWERS_OF_NOTE || this.bytes >= most) this.flush();
    else this.flushSoon();
  }

  private flushSoon(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.wire.host.clock.nextTurn(() => {
      this.isScheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    const { batch } = this;
    if (batch.length === 0) return;
    this.batch = [];
    this.bytes = 0;
    this.send({ count: this.places.size, answers: batch });
  }
}

/** The answer of a member, and its size on the bus. */
interface Part {
  readonly wire: Omit<WireAnswer, 'at'>;
  readonly bytes: number;
}

/** Encodes an answer. If the bus cannot carry the answer, it becomes an error of the member. */
function wireOf(answer: unknown, maxBodyBytes: number): Part {
  try {
    const { value, bytes } = toWireValue(answer, maxBodyBytes);
    return { wire: value, bytes };
  } catch (thrown) {
    return errorOf(toError(thrown));
  }
}

function errorOf(thrown: Error): Part {
  const error = toWireError(thrown);
  return { wire: { error }, bytes: wireErrorBytes(error) };
}
