import { Buffer } from 'node:buffer';
import type { Clock, Timer } from '@headrace/core';
import { Fifo, RecentMap, toError } from '@headrace/core/authoring';
import type { StoredMsg } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { StateAnswer, StateLimits, StateWrite } from '../contract/state-log.ts';
import type { StateCounts } from '../contract/state-rules.ts';
import { type Acknowledgement, type NatsJetStream, sequenceIn } from './nats-jet-stream.ts';
import type { NatsStateReader } from './nats-state-reader.ts';
import type { NatsStore } from './nats-store.ts';
import { StateFloor } from './state-floor.ts';
import { keyToken } from './state-key.ts';
import { ANSWER_MS, isLost, StateMessages } from './state-messages.ts';
import {
  moreOf,
  type PendingChange,
  type PlannedChange,
  type PresentChange,
  planOf,
  presentIn,
} from './state-plan.ts';
import { tagOf } from './state-record.ts';
import { StateSize } from './state-size.ts';
import { StateTurns } from './state-turns.ts';

/** Limits of the changes that are sent together. */
const MAX_BATCH = 256;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** Maximum number of keys whose newest change is known between the changes of this node. */
const MAX_PRESENT = 4096;
/** Maximum time for which a node lets another node write first: as long as that node can need for a change. */
const MAX_HOLD_MS = 2 * ANSWER_MS;
/** Time for which changes of one key wait for each other, after another node has written between two of them. */
const UNCHAINED_MS = 1000;
/** Interval at which the stream is looked at between changes, because it can have other replicas or another leader. */
const LOOK_EACH_MS = 1000;
/** The scope of a turn in which a node wants to write any key. No key has this token. */
const WHOLE = '*';
/** No stream reaches this sequence, so JetStream stores no message that expects it, and only says whether it has the id. */
const NEVER = Number.MAX_SAFE_INTEGER;
const WRONG_LAST_ID = 10070;
const STORE_FAILED = 10077;
const NOTHING = Buffer.alloc(0);

/** The parts of a {@link NatsStateWriter}. */
export interface NatsStateWriterParts {
  readonly connection: NatsConnection;
  readonly jetStream: NatsJetStream;
  readonly store: NatsStore;
  readonly reader: NatsStateReader;
  /** The subject of the changes, without the token of the key. */
  readonly subject: string;
  /** The subject on which a node asks the others to let it write. */
  readonly turns: string;
  /** The subject of the floor. */
  readonly floorSubject: string;
  /** The name of this process in the changes. */
  readonly name: string;
  /** Called when this node has removed a key. */
  readonly removed: () => void;
  readonly clock: Clock;
}

/**
 * Writes the changes of one node to the stream of a state. The node decides about a change by the newest message of its key, and the
 * server stores the change only directly after this message. So the check and the change are one step, and changes of different
 * keys do not meet. If another node was first, the node looks at the key and decides again.
 *
 * Where the server's check of a key is not serializable (`NatsStateReader.isKeyed`), a change expects the newest message of the
 * whole stream instead. Then one batch of the node is under way at a time.
 *
 * The changes of one key keep their order. Changes of different keys are sent in their order, and one that another node was
 * before is stored later. The changes that are sent together are chained from the first one on whose key has another of them: each
 * expects the id of the change before it, so the server stores the first ones, or none.
 */
export class NatsStateWriter {
  private readonly parts: NatsStateWriterParts;
  private readonly messages: StateMessages;
  private readonly floor: StateFloor;
  private readonly turns: StateTurns;
  private readonly size: StateSize;
  private limits: StateLimits;
  private readonly queue = new Fifo<PendingChange>();
  private readonly waiting = new Map<string, [PendingChange, Promise<StateAnswer>]>();
  private begun: Promise<void> | undefined = undefined;
  /** The end of the stream, if each change expects it and it is known. */
  private last: number | undefined = undefined;
  /** The newest change of keys, and null for keys without a message. */
  private present = new RecentMap<PresentChange | null>(MAX_PRESENT);
  private isPumping = false;
  /** Number of batches that are under way, and their subjects. */
  private flying = 0;
  private readonly busy = new Set<string>();
  /** Resolves when the batches before were sent. */
  private sentBefore: Promise<void> = Promise.resolve();
  private wake: Timer | undefined = undefined;
  private unchainedUntil = 0;
  /** Number of batches that have left changes. */
  private cuts = 0;
  private lookedAt = 0;
  private hasWritten = false;

  constructor(parts: NatsStateWriterParts, limits: StateLimits) {
    this.parts = parts;
    this.limits = limits;
    this.messages = new StateMessages(parts.jetStream, parts.subject);
    this.floor = new StateFloor({ ...parts, messages: this.messages });
    this.turns = new StateTurns({ ...parts, maxHoldMs: MAX_HOLD_MS });
    this.size = new StateSize(parts.reader, parts.clock);
  }

  limit(limits: StateLimits): void {
    const { keys, bytes } = this.limits;
    if (limits.keys !== keys || limits.bytes !== bytes) this.size.forgetRoom();
    this.limits = limits;
  }

  append(id: string, write: StateWrite): Promise<StateAnswer> {
    // The log repeats a change that still waits here.
    const known = this.waiting.get(id);
    if (known !== undefined) return known[1];
    let change!: PendingChange;
    const answer = new Promise<StateAnswer>((resolve, reject) => {
      const token = keyToken(write.key);
      const subject = `${this.parts.subject}.${token}`;
      const tag = tagOf(id);
      change = { id, tag, write, token, subject, resolve, reject, state: 'waiting' };
    });
    this.queue.push(change);
    this.waiting.set(id, [change, answer]);
    // The changes of this turn are sent together.
    if (!this.isPumping) void Promise.resolve().then(() => this.pump());
    this.isPumping = true;
    return answer;
  }

  /** Says why a change is not stored yet. */
  waitsFor(id: string): string | undefined {
    const [change] = this.waiting.get(id) ?? [];
    if (change === undefined) return undefined;
    const scope = this.scopeOf(change);
    const races = this.turns.racesOf(scope);
    if (races > 0) {
      const what = scope === WHOLE ? 'the state' : 'its key';
      return `other nodes have changed ${what} before it ${races} times`;
    }
    if (this.turns.heldUntil(scope) > 0) return 'it waits for another node that has asked for time';
    return change.state === 'sent'
      ? 'JetStream has not answered'
      : 'the changes before it are not stored';
  }

  /** Another node asks for time to write. */
  askedToHold(message: Msg): void {
    this.turns.asked(message);
  }

  /** Forgets removals, and deletes what the stream has of them. */
  tidy(): void {
    const { reader } = this.parts;
    reader.forget();
    // A node that does not write does not delete.
    if (!this.hasWritten) reader.removals.take(NEVER);
    this.floor.tidy().catch(() => {
      // A later change, or another node, deletes what is left.
    });
  }

  /** Removes what the stream has of the state if it is empty. Resolves with false if it is not, or is in use at present. */
  async empty(): Promise<boolean> {
    const isIdle = () => this.flying === 0 && this.queue.size === 0;
    if (!isIdle() || !(await this.floor.empty())) return false;
    // A change that was sent meanwhile is stored, and its floor again with the next one.
    this.begun = this.last = undefined;
    this.present = new RecentMap(MAX_PRESENT);
    return isIdle();
  }

  // --- batches ---

  private get isKeyed(): boolean | undefined {
    return this.parts.reader.isKeyed;
  }

  private pump(): void {
    this.isPumping = false;
    for (let batch = this.take(); batch.length > 0; batch = this.take()) void this.carry(batch);
  }

  /** Takes the next changes that can be sent together. */
  private take(): PendingChange[] {
    const batch: PendingChange[] = [];
    if (this.isKeyed !== true && this.flying > 0) return batch;
    const taken = new Set<string>();
    const passed = new Set<string>();
    const isChained = this.isKeyed === false || this.parts.clock.now() >= this.unchainedUntil;
    let bytes = 0;
    let wakeAt = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.queue.size && batch.length < MAX_BATCH; at++) {
      const change = this.queue.at(at)!;
      if (change.state !== 'waiting') continue;
      const { subject, write } = change;
      const isRetry = this.isKeyed === true && this.turns.racesOf(change.token) > 0;
      const heldUntil = this.turns.heldUntil(this.scopeOf(change));
      if (heldUntil > 0) wakeAt = Math.min(wakeAt, heldUntil);
      const isBusy = this.busy.has(subject);
      // A change for which another node was first does not stop the changes of other keys.
      if (heldUntil > 0 || passed.has(subject) || (isRetry && (isBusy || batch.length > 0))) {
        passed.add(subject);
        continue;
      }
      if (isBusy || (taken.has(subject) && !isChained)) break;
      bytes += write.byteLength;
      if (batch.length > 0 && bytes > MAX_BATCH_BYTES) break;
      taken.add(subject);
      batch.push(change);
      if (isRetry) break;
    }
    if (wakeAt < Number.POSITIVE_INFINITY) this.wakeAt(wakeAt);
    return batch;
  }

  /** Sends changes. Those that another node was before, and those that have to wait for an answer, stay in the queue. */
  private async carry(batch: readonly PendingChange[]): Promise<void> {
    const { clock, store } = this.parts;
    const { cuts } = this;
    const begunAt = clock.now();
    this.flying += 1;
    for (const change of batch) {
      change.state = 'sent';
      this.busy.add(change.subject);
    }
    let sent = () => {};
    let before = Promise.resolve();
    if (this.turns.racesOf(batch[0]!.token) === 0) {
      before = this.sentBefore;
      this.sentBefore = new Promise((resolve) => {
        sent = resolve;
      });
    }
    let carried = batch;
    try {
      await this.begin();
      const { isKeyed } = this;
      await this.prepare(batch);
      await before;
      // Changes that a batch before has left come first.
      const isLate = cuts !== this.cuts || isKeyed !== this.isKeyed;
      const plan = isLate ? [] : this.plan(batch);
      const answers = this.publish(plan);
      carried = plan.map(({ change }) => change);
      const left = batch.filter((change) => change.state === 'sent' && !carried.includes(change));
      this.release(left, carried);
      if (left.length > 0 && !isLate) this.cuts += 1;
      sent();
      if (left.length > 0) this.pump();
      await this.finish(plan, await answers, begunAt);
      // The floor expects the end of the stream, too. So it has a turn of this node before the next batch.
      if (isKeyed === false) await this.floor.raise().catch(() => {});
      this.tidy();
    } catch (thrown) {
      store.doubt();
      this.begun = this.last = undefined;
      for (const { subject } of batch) this.present.delete(subject);
      this.failAll(batch, toError(thrown));
    } finally {
      sent();
      this.flying -= 1;
      this.release(carried, []);
      while (this.queue.peek()?.state === 'done') this.queue.shift();
      this.pump();
    }
  }

  /** Lets changes wait again, and changes of their keys be sent, unless other changes of these keys are under way. */
  private release(changes: readonly PendingChange[], carried: readonly PendingChange[]): void {
    const flying = new Set(carried.map(({ subject }) => subject));
    for (const change of changes) {
      if (!flying.has(change.subject)) this.busy.delete(change.subject);
      if (change.state === 'sent') change.state = 'waiting';
    }
  }

  /** Reads what the stream has before the first change over this link. */
  private begin(): Promise<void> {
    this.begun ??= this.floor.begin().then((end) => {
      this.lookedAt = this.parts.clock.now();
      this.size.saw(end);
    });
    return this.begun;
  }

  /** Finds the newest changes of the keys, and settles what is stored already. Looks at the size of the state if it grows. */
  private async prepare(batch: readonly PendingChange[]): Promise<void> {
    const { reader, clock } = this.parts;
    if (this.isKeyed === false && this.last === undefined) {
      const end = await reader.end();
      this.present = new RecentMap(MAX_PRESENT);
      this.last = end.top;
    } else if (clock.now() - this.lookedAt >= LOOK_EACH_MS) {
      this.lookedAt = clock.now();
      reader.end().then(
        ({ floor }) => {
          if (floor === undefined) this.begun = undefined;
          else this.floor.saw(floor);
        },
        () => {
          // The next change finds out why.
        },
      );
    }
    const subjects = new Set(batch.map(({ subject }) => subject));
    const unknown = [...subjects].filter((subject) => this.present.peek(subject) === undefined);
    const found = unknown.map(async (subject) => {
      this.found(subject, await reader.newestOf(subject));
    });
    if ([...subjects].some((subject) => !this.present.peek(subject))) {
      // After the keys: a key that is gone with a purge is not taken for a new one.
      await Promise.all([this.floor.look(), ...found]);
    }
    let first: StateCounts | undefined;
    for (const change of batch) {
      const { subject, tag, write } = change;
      const present = this.present.peek(subject);
      const { sequence: offset = 0 } = present?.writers.find((each) => each.tag === tag) ?? {};
      if (offset > 0) {
        this.settle(change, { position: { epoch: this.messages.epoch, offset } });
        continue;
      }
      const more = moreOf(write, present);
      if (more.keys > 0 || more.bytes > 0) first ??= more;
    }
    if (first !== undefined) await this.size.prepare(this.limits, first);
  }

  private plan(batch: readonly PendingChange[]): readonly PlannedChange[] {
    const { messages, size, limits, last } = this;
    const left = batch.filter(({ state }) => state !== 'done');
    return planOf(left, {
      ...{ messages, size, limits, name: this.parts.name },
      last: this.isKeyed === true ? undefined : last,
      presentOf: (subject) => this.present.peek(subject) ?? undefined,
    });
  }

  /** Sends a batch, and resolves with the answers in the same order. */
  private async publish(
    plan: readonly PlannedChange[],
  ): Promise<(Acknowledgement | Error | undefined)[]> {
    const sends = plan.map(({ change, sent }) => {
      if (sent === undefined) return undefined;
      const { subject, write } = change;
      return this.messages
        .put(subject, write.bytes, sent.headers)
        .catch((thrown: unknown) => toError(thrown));
    });
    const answers = Promise.all(sends);
    this.size.fly(answers);
    return answers;
  }

  private async finish(
    plan: readonly PlannedChange[],
    answers: readonly (Acknowledgement | Error | undefined)[],
    begunAt: number,
  ): Promise<void> {
    const { clock } = this.parts;
    let failure: Error | undefined;
    const lost = new Set<string>();
    for (const [i, step] of plan.entries()) {
      const answer = answers[i];
      if (step.sent === undefined || answer === undefined) continue;
      const { change, sent } = step;
      if (answer instanceof Error) {
        failure ??= answer;
        continue;
      }
      const { err_code, description = '' } = answer.error ?? {};
      if (err_code === undefined) {
        this.stored(change, sent.present, answer);
        continue;
      }
      this.size.sent(sent.added, -1);
      this.present.delete(change.subject);
      if (isLost(answer)) lost.add(this.scopeOf(change));
      else if (err_code === WRONG_LAST_ID) this.unchainedUntil = clock.now() + UNCHAINED_MS;
      else if (err_code === STORE_FAILED && description.includes('maximum bytes')) {
        this.settle(change, this.size.storeRefusal(change.write.byteLength));
      } else failure ??= new Error(`JetStream stored nothing: ${description}`);
      this.last = undefined;
    }
    for (const scope of lost) this.turns.lost(scope, begunAt);
    if (failure !== undefined) throw failure;
    await Promise.all(plan.map((step) => step.sent === undefined && this.decline(step)));
  }

  private stored(change: PendingChange, present: PresentChange, answer: Acknowledgement): void {
    const { store, reader, clock, name, removed } = this.parts;
    const { id, subject, write } = change;
    const offset = sequenceIn(answer);
    this.hasWritten = true;
    if (answer.duplicate === true) {
      this.present.delete(subject);
      this.last = undefined;
    } else {
      const writers = present.writers.map((each) =>
        each.writer === name ? { ...each, sequence: offset } : each,
      );
      this.present.use(subject, { ...present, sequence: offset, writers });
      if (this.last !== undefined) this.last = offset;
      store.saw(offset, this.messages.idOf(id));
      reader.removals.saw(write.key, offset, write.isRemoval, clock.now());
      if (write.isRemoval) removed();
    }
    this.settle(change, { position: { epoch: this.messages.epoch, offset } });
  }

  /** Answers a change that is not stored, or leaves it in the queue if its key was changed meanwhile. */
  private async decline({ change, conflict, refusal, error }: PlannedChange): Promise<void> {
    const { reader } = this.parts;
    const { messages } = this;
    const { subject, tag } = change;
    if (error !== undefined) {
      this.forget(change);
      change.reject(error);
      return;
    }
    const headers = messages.headersOf(change.id, 's', 0, []);
    headers.set('Nats-Expected-Last-Sequence', `${NEVER}`);
    const [known, newest] = await Promise.all([
      messages.put(subject, NOTHING, headers),
      reader.newestOf(subject),
    ]);
    const present = this.found(subject, newest);
    const own = present?.writers.find((each) => each.tag === tag);
    const offset = known.duplicate === true ? sequenceIn(known) : own?.sequence;
    if (offset !== undefined) {
      this.settle(change, { position: { epoch: this.messages.epoch, offset } });
      return;
    }
    if (refusal !== undefined) {
      this.settle(change, refusal);
      return;
    }
    const version = present?.isRemoval === false ? present.sequence : 0;
    if (version !== conflict) return;
    const entry = version === 0 ? null : await reader.entryOf(messages.epoch, newest!);
    this.settle(change, { conflict: entry ?? null });
  }

  /** Remembers the newest message of a key. */
  private found(subject: string, message: StoredMsg | null): PresentChange | undefined {
    const present = message && presentIn(message, this.parts.store.epoch!);
    this.present.use(subject, present);
    return present ?? undefined;
  }

  private scopeOf({ token }: PendingChange): string {
    return this.isKeyed === false ? WHOLE : token;
  }

  private wakeAt(at: number): void {
    const { clock } = this.parts;
    this.wake?.cancel();
    this.wake = clock.schedule(() => this.pump(), Math.max(1, at - clock.now()));
  }

  // --- answers ---

  private settle(change: PendingChange, answer: StateAnswer): void {
    this.forget(change);
    change.resolve(answer);
  }

  private forget(change: PendingChange): void {
    change.state = 'done';
    this.waiting.delete(change.id);
    this.turns.done(this.scopeOf(change));
  }

  /** Fails the changes without an answer, and those that wait, so that the log repeats them in order. */
  private failAll(batch: readonly PendingChange[], error: Error): void {
    const failed = new Set(batch);
    for (let at = 0; at < this.queue.size; at++) {
      const change = this.queue.at(at)!;
      if (change.state === 'waiting') failed.add(change);
    }
    for (const change of failed) {
      if (change.state === 'done') continue;
      this.forget(change);
      change.reject(error);
    }
  }
}
