import { Buffer } from 'node:buffer';
import { type Clock, EncodeError } from '@headrace/core';
import { Fifo, RecentMap, toError } from '@headrace/core/authoring';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { StateAnswer, StateLimits, StateRefusal, StateWrite } from '../contract/state-log.ts';
import { isConflict, refusalOf } from '../contract/state-rules.ts';
import {
  type Acknowledgement,
  acknowledgementIn,
  type NatsJetStream,
  plainText,
  sequenceIn,
  tooLong,
} from './nats-jet-stream.ts';
import { type ForgottenRemovals, headerOf, type NatsStateReader } from './nats-state-reader.ts';
import type { NatsStore } from './nats-store.ts';
import { keyIn, keyToken } from './state-key.ts';
import { encodeHeader, ranOn, STATE_HEADER, type StateLedger, wroteAt } from './state-ledger.ts';
import type { StreamMemory } from './stream-memory.ts';

/** Limits of the changes that are sent together. */
const MAX_BATCH = 256;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** Maximum time for JetStream to answer a change. The log repeats its appends after the same time. */
const ANSWER_MS = 2000;
/** Maximum number of keys whose version and size are known between the changes of this node. */
const MAX_PRESENT = 4096;
/** Maximum number of bytes of a change's headers, besides the ids and the ledger. */
const HEADERS_BYTES = 160;
/** Maximum time for which a node lets other nodes write first. */
const MAX_HOLD_MS = 250;
/** No stream reaches this sequence, so JetStream stores no message that expects it, and only says whether it has the id. */
const NEVER = Number.MAX_SAFE_INTEGER;
const WRONG_LAST_SEQUENCE = 10071;
const WRONG_LAST_ID = 10070;
const NOTHING = Buffer.alloc(0);

/** The parts of a {@link NatsStateWriter}. */
export interface NatsStateWriterParts {
  readonly connection: NatsConnection;
  readonly jetStream: NatsJetStream;
  readonly store: NatsStore;
  readonly reader: NatsStateReader;
  readonly memory: StreamMemory;
  /** `hr.<app>.s.<group>` */
  readonly stream: string;
  /** The subject on which a node asks the others to let it write. */
  readonly turns: string;
  /** A name for the runs of this writer. */
  readonly name: string;
  readonly clock: Clock;
}

interface PendingChange {
  readonly id: string;
  readonly write: StateWrite;
  readonly subject: string;
  readonly resolve: (answer: StateAnswer) => void;
  readonly reject: (error: Error) => void;
  isDone: boolean;
}

/** The newest change of a key. */
interface PresentChange {
  readonly sequence: number;
  readonly isRemoval: boolean;
  readonly byteLength: number;
}

/** The end of the stream, after which the next change is sent. */
interface WriteBase {
  readonly epoch: string;
  readonly mark: string;
  readonly sequence: number;
  readonly ledger: StateLedger;
}

/** A change of a batch: what is stored, or the answer without a change. */
interface PlannedChange {
  readonly change: PendingChange;
  readonly stored?: { readonly sequence: number; readonly ledger: StateLedger };
  /** The version of the key that the change does not fit, or 0. */
  readonly conflict?: number;
  readonly refusal?: StateRefusal;
}

/**
 * Writes the changes of one node to the stream of a state. The node decides about a change by what the stream has at its end, and
 * the server stores the change only directly after this end. So the checks and the change are one step. If another node was first,
 * the node looks at the stream and decides again.
 *
 * The changes that wait are sent together. Each expects the sequence and the id of the change before it, so the server stores the
 * first changes of a batch, or none.
 */
export class NatsStateWriter {
  private readonly parts: NatsStateWriterParts;
  private limits: StateLimits;
  private readonly queue = new Fifo<PendingChange>();
  private readonly waiting = new Map<string, Promise<StateAnswer>>();
  private isRunning = false;
  private base: WriteBase | undefined = undefined;
  private present = new RecentMap<PresentChange | null>(MAX_PRESENT);
  /** Removals that are forgotten, but that the stream still has. */
  private garbage: number[] = [];
  /** Number of batches in a row after which another node had written first. */
  private refusals = 0;
  private holdUntil = 0;

  constructor(parts: NatsStateWriterParts, limits: StateLimits) {
    this.parts = parts;
    this.limits = limits;
  }

  limit(limits: StateLimits): void {
    this.limits = limits;
  }

  append(id: string, write: StateWrite): Promise<StateAnswer> {
    // The log repeats a change that still waits here.
    const known = this.waiting.get(id);
    if (known !== undefined) return known;
    const answer = new Promise<StateAnswer>((resolve, reject) => {
      const subject = `${this.parts.stream}.${keyToken(write.key)}`;
      this.queue.push({ id, write, subject, resolve, reject, isDone: false });
    });
    this.waiting.set(id, answer);
    void this.run();
    return answer;
  }

  /** Another node asks for time to write. A node that has lost against others does not wait for them. */
  askedToHold(message: Msg): void {
    const [writer, ms] = Buffer.from(message.data).toString('latin1').split(' ');
    const isTime = Number(ms) > 0 && Number(ms) <= MAX_HOLD_MS;
    if (writer === this.parts.name || !isTime || this.refusals > 0) return;
    this.holdUntil = Math.max(this.holdUntil, this.parts.clock.now() + Number(ms));
  }

  // --- parts ---

  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      // The changes of this turn are sent together.
      await Promise.resolve();
      while (!this.queue.isEmpty) {
        await this.hold();
        await this.round();
        while (this.queue.peek()?.isDone === true) this.queue.shift();
      }
    } catch (thrown) {
      this.base = undefined;
      this.parts.store.doubt();
      this.failAll(toError(thrown));
    } finally {
      this.isRunning = false;
    }
  }

  private async hold(): Promise<void> {
    const { clock } = this.parts;
    const ms = this.holdUntil - clock.now();
    if (this.refusals > 0 || ms <= 0) return;
    await new Promise<void>((resolve) => void clock.schedule(resolve, ms));
  }

  private async round(): Promise<void> {
    const { clock, connection, turns, name } = this.parts;
    const begun = clock.now();
    this.base ??= await this.look();
    const batch = this.nextBatch(this.base);
    const wasFirst = batch.length === 0 || (await this.send(this.base, batch));
    if (wasFirst) {
      this.refusals = 0;
      this.deleteGarbage();
      return;
    }
    this.base = undefined;
    this.refusals += 1;
    const ms = Math.min(MAX_HOLD_MS, Math.ceil((clock.now() - begun) * 1.5) + 1);
    connection.publish(turns, Buffer.from(`${name} ${ms}`, 'latin1'));
  }

  private async look(): Promise<WriteBase> {
    const { reader } = this.parts;
    const end = await reader.end();
    this.present = new RecentMap(MAX_PRESENT);
    this.garbage = [];
    return { ...end, ledger: end.ledger ?? (await reader.counted(end)) };
  }

  /** Returns the next changes, and settles those that an earlier batch without an answer has stored. */
  private nextBatch({ epoch, ledger }: WriteBase): PendingChange[] {
    const { unanswered } = this.parts.memory;
    const batch: PendingChange[] = [];
    let bytes = 0;
    for (let at = 0; at < this.queue.size && batch.length < MAX_BATCH; at++) {
      const change = this.queue.at(at)!;
      if (change.isDone) continue;
      const sent = unanswered.get(change.id);
      if (sent?.epoch === epoch && wroteAt(ledger, sent.writer, sent.sequence)) {
        this.settle(change, { position: { epoch, offset: sent.sequence } });
        continue;
      }
      bytes += change.write.byteLength;
      if (batch.length > 0 && bytes > MAX_BATCH_BYTES) break;
      batch.push(change);
    }
    return batch;
  }

  /** Sends changes. Resolves with false if another node has written first. The rest of the changes stays in the queue then. */
  private async send(base: WriteBase, batch: readonly PendingChange[]): Promise<boolean> {
    const removals = batch.filter(({ write }) => write.isRemoval).length;
    const { reader } = this.parts;
    const [forgotten] = await Promise.all([
      reader.forgotten(base.sequence, base.ledger, removals),
      this.lookUp(batch),
    ]);
    const plan = this.plan(base, batch, forgotten);
    const answers = await this.publish(base, plan);
    let { sequence, ledger } = base;
    const refused: PlannedChange[] = [];
    for (const [i, step] of plan.entries()) {
      const answer = answers[i]!;
      if (answer instanceof EncodeError) {
        this.fail(step.change, answer);
        return false;
      }
      if (answer instanceof Error) throw answer;
      const { err_code, description = '' } = answer.error ?? {};
      if (err_code !== WRONG_LAST_SEQUENCE && err_code !== WRONG_LAST_ID) {
        const offset = sequenceIn(answer);
        this.settle(step.change, { position: { epoch: base.epoch, offset } });
        if (answer.duplicate === true) continue;
        this.parts.store.saw(offset, plainText(step.change.id));
        sequence = offset;
        ledger = step.stored!.ledger;
        continue;
      }
      // The answers without a change are right if nothing came in between.
      const isAtEnd = Number(/(?<!\d)\d+$/.exec(description)?.[0]) === sequence;
      if (step.stored !== undefined || !isAtEnd) return false;
      refused.push(step);
    }
    this.base = { ...base, sequence, ledger };
    const settled = await Promise.all(refused.map((step) => this.refuse(base, step)));
    return settled.every((isSettled) => isSettled);
  }

  /** Finds the version and the size of the keys. */
  private async lookUp(batch: readonly PendingChange[]): Promise<void> {
    const { reader } = this.parts;
    const subjects = new Set(batch.map(({ subject }) => subject));
    await Promise.all(
      [...subjects].map(async (subject) => {
        if (this.present.peek(subject) !== undefined) return;
        const message = await reader.newestOf(subject);
        const isRemoval = headerOf(message?.header)?.isRemoval !== false;
        const byteLength = Buffer.byteLength(keyIn(subject)) + (message?.data.byteLength ?? 0);
        const found = message && { sequence: message.seq, isRemoval, byteLength };
        this.present.use(subject, found);
      }),
    );
  }

  private plan(
    base: WriteBase,
    batch: readonly PendingChange[],
    forgotten: ForgottenRemovals,
  ): PlannedChange[] {
    const { name } = this.parts;
    let { ledger, remembered } = forgotten;
    this.garbage.push(...forgotten.garbage);
    let { sequence } = base;
    const plan: PlannedChange[] = [];
    for (const change of batch) {
      const { write, subject } = change;
      // A batch has fewer keys than are known.
      const before = this.present.peek(subject) ?? undefined;
      const current = before?.isRemoval === false ? before : undefined;
      const version = current?.sequence ?? 0;
      if (isConflict(write, version)) {
        plan.push({ change, conflict: version });
        continue;
      }
      const refusal = refusalOf(write, this.limits, ledger, current?.byteLength);
      if (refusal !== undefined) {
        plan.push({ change, refusal });
        continue;
      }
      sequence += 1;
      const { isRemoval, byteLength } = write;
      let { keys, bytes, removals, floor } = ledger;
      keys += (isRemoval ? 0 : 1) - (current === undefined ? 0 : 1);
      bytes += (isRemoval ? 0 : byteLength) - (current?.byteLength ?? 0);
      if (before?.isRemoval === true && before.sequence > floor) {
        removals -= 1;
        remembered = remembered.filter((removal) => removal.sequence !== before.sequence);
      }
      if (isRemoval) {
        removals += 1;
        remembered.push({ sequence, at: 0 });
        while (removals > this.limits.removals) {
          floor = remembered.shift()!.sequence;
          removals -= 1;
          this.garbage.push(floor);
        }
      }
      const runs = ranOn(ledger.runs, name, sequence);
      ledger = { ...ledger, keys, bytes, removals, floor, runs };
      this.present.use(subject, { sequence, isRemoval, byteLength });
      plan.push({ change, stored: { sequence, ledger } });
    }
    return plan;
  }

  /** Sends a batch, and resolves with the answers in the same order. */
  private publish(
    { epoch, mark }: WriteBase,
    plan: readonly PlannedChange[],
  ): Promise<(Acknowledgement | Error)[]> {
    const { jetStream, memory, name, clock } = this.parts;
    let previous: string | undefined;
    const sends = plan.map(async ({ change, stored }) => {
      const { id, write, subject } = change;
      const own = plainText(id);
      const headers = jetStream.headers();
      headers.set('Nats-Msg-Id', own);
      headers.set('Nats-Expected-Last-Sequence', `${(stored?.sequence ?? NEVER + 1) - 1}`);
      let bytes: Buffer = NOTHING;
      if (stored !== undefined) {
        if (previous !== undefined) headers.set('Nats-Expected-Last-Msg-Id', previous);
        previous = own;
        const { sequence, ledger } = stored;
        const { isRemoval } = write;
        const header = encodeHeader({ isRemoval, mark, ledger });
        headers.set(STATE_HEADER, header);
        bytes = write.bytes;
        const most = jetStream.maxBytes - HEADERS_BYTES - 2 * own.length - header.length;
        if (bytes.byteLength > most) throw tooLong(bytes.byteLength, most);
        memory.unanswered.set(id, { epoch, sequence, writer: name }, clock.now());
      }
      return acknowledgementIn(await jetStream.publish(subject, bytes, headers, ANSWER_MS));
    });
    return Promise.all(sends.map((send) => send.catch((thrown: unknown) => toError(thrown))));
  }

  /** Answers a change that is not stored. Resolves with false if the entry in its way was replaced meanwhile. */
  private async refuse(
    { epoch }: WriteBase,
    { change, conflict, refusal }: PlannedChange,
  ): Promise<boolean> {
    if (refusal !== undefined) {
      this.settle(change, refusal);
      return true;
    }
    if (conflict === 0) {
      this.settle(change, { conflict: null });
      return true;
    }
    const entry = await this.parts.reader.entryAt(epoch, conflict!);
    if (entry === undefined) return false;
    this.settle(change, { conflict: entry });
    return true;
  }

  /** Deletes removals that are forgotten. Only then later writers need not find them. The newest message stays. */
  private deleteGarbage(): void {
    const { sequence, ledger } = this.base!;
    const over = this.garbage.filter((each) => each <= ledger.floor && each < sequence);
    if (over.length === 0) return;
    this.garbage = this.garbage.filter((each) => !over.includes(each));
    const { jetStream, store } = this.parts;
    void (async () => {
      const { streams } = (await jetStream.clients()).manager;
      for (const each of over) await streams.deleteMessage(store.name, each, false);
    })().catch(() => {
      // A later writer deletes what is left.
    });
  }

  private settle(change: PendingChange, answer: StateAnswer): void {
    this.forget(change);
    change.resolve(answer);
  }

  private fail(change: PendingChange, error: Error): void {
    this.forget(change);
    change.reject(error);
  }

  private forget(change: PendingChange): void {
    change.isDone = true;
    this.waiting.delete(change.id);
    this.parts.memory.unanswered.delete(change.id);
  }

  /** Fails the changes without an answer. They may be stored, so their places are kept. */
  private failAll(error: Error): void {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      if (next.isDone) continue;
      this.waiting.delete(next.id);
      next.reject(error);
    }
  }
}
