import { Buffer } from 'node:buffer';
import type { Clock, Timer } from '@headrace/core';
import { Fifo, RecentMap, toError } from '@headrace/core/authoring';
import type { StoredMsg } from '@nats-io/jetstream';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import type { StateAnswer, StateLimits, StateRefusal, StateWrite } from '../contract/state-log.ts';
import { isConflict, type StateCounts } from '../contract/state-rules.ts';
import {
  type Acknowledgement,
  acknowledgementIn,
  type NatsJetStream,
  plainText,
  sequenceIn,
  tooLong,
} from './nats-jet-stream.ts';
import { type NatsStateReader, recordOf, type StoredFloor } from './nats-state-reader.ts';
import { type NatsStore, randomText } from './nats-store.ts';
import { keyIn, keyToken } from './state-key.ts';
import {
  changedBy,
  encodeRecord,
  RECORD_HEADER,
  type RecordKind,
  tagOf,
  type WriterChange,
} from './state-record.ts';
import { StateSize } from './state-size.ts';

/** Limits of the changes that are sent together. */
const MAX_BATCH = 256;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** Maximum time for JetStream to answer a change. The log repeats its appends after the same time. */
const ANSWER_MS = 2000;
/** Maximum number of keys whose newest change is known between the changes of this node. */
const MAX_PRESENT = 4096;
/** Maximum number of bytes of a change's headers, besides the ids and the record. */
const HEADERS_BYTES = 160;
/** Maximum time for which a node lets another node write first: as long as that node can need for a change. */
const MAX_HOLD_MS = 2 * ANSWER_MS;
/** Maximum number of keys that other nodes have asked for. */
const MAX_HOLDS = 1024;
/** Time for which changes of one key wait for each other, after another node has written between two of them. */
const UNCHAINED_MS = 1000;
/** The scope of a turn in which a node wants to write any key. No key has this token. */
const WHOLE = '*';
/** No stream reaches this sequence, so JetStream stores no message that expects it, and only says whether it has the id. */
const NEVER = Number.MAX_SAFE_INTEGER;
const WRONG_LAST_SEQUENCE = 10071;
const WRONG_LAST_ID = 10070;
/** Of servers since 2.11: another change of the key is being replicated. */
const WRONG_LAST_IN_PROCESS = 10164;
const STORE_FAILED = 10077;
const NOTHING = Buffer.alloc(0);

/** The parts of a {@link NatsStateWriter}. */
export interface NatsStateWriterParts {
  readonly connection: NatsConnection;
  readonly jetStream: NatsJetStream;
  readonly store: NatsStore;
  readonly reader: NatsStateReader;
  /** `hr.<app>.s.<group>` */
  readonly stream: string;
  /** The subject on which a node asks the others to let it write. */
  readonly turns: string;
  /** The subject of the floor. */
  readonly floorSubject: string;
  /** The name of this process in the changes. */
  readonly name: string;
  readonly clock: Clock;
}

interface PendingChange {
  readonly id: string;
  readonly tag: string;
  readonly write: StateWrite;
  readonly token: string;
  readonly subject: string;
  readonly resolve: (answer: StateAnswer) => void;
  readonly reject: (error: Error) => void;
  state: 'waiting' | 'sent' | 'done';
}

/** The newest change of a key. */
interface PresentChange {
  /** 0 for a change of this node that has no answer yet. */
  readonly sequence: number;
  readonly isRemoval: boolean;
  readonly byteLength: number;
  readonly writers: readonly WriterChange[];
}

/** A change of a batch: what is sent, or the answer without a change. */
interface PlannedChange {
  readonly change: PendingChange;
  readonly sent?: {
    readonly headers: MsgHdrs;
    readonly present: PresentChange;
    readonly keys: number;
    readonly bytes: number;
  };
  /** The version of the key that the change does not fit, or 0. */
  readonly conflict?: number;
  readonly refusal?: StateRefusal;
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
  private readonly size: StateSize;
  private limits: StateLimits;
  private readonly queue = new Fifo<PendingChange>();
  private readonly waiting = new Map<string, [PendingChange, Promise<StateAnswer>]>();
  private begun: Promise<void> | undefined = undefined;
  private epoch = '';
  private floor: StoredFloor = { sequence: 0, floor: 0 };
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
  private readonly idle: (() => void)[] = [];
  /** How often other nodes were first for a change of a key, or of any key, until it has an answer. */
  private readonly races = new Map<string, number>();
  /** The times up to which other nodes have asked for keys. */
  private readonly holds = new RecentMap<number>(MAX_HOLDS);
  private wake: Timer | undefined = undefined;
  private unchainedUntil = 0;
  /** Number of batches that have left changes. */
  private cuts = 0;
  private hasWritten = false;
  private isTidying = false;
  private hasCounted = false;

  constructor(parts: NatsStateWriterParts, limits: StateLimits) {
    this.parts = parts;
    this.limits = limits;
    this.size = new StateSize(parts.reader, parts.clock);
  }

  limit(limits: StateLimits): void {
    this.limits = limits;
  }

  append(id: string, write: StateWrite): Promise<StateAnswer> {
    // The log repeats a change that still waits here.
    const known = this.waiting.get(id);
    if (known !== undefined) return known[1];
    let change!: PendingChange;
    const answer = new Promise<StateAnswer>((resolve, reject) => {
      const token = keyToken(write.key);
      const subject = `${this.parts.stream}.${token}`;
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
    const races = this.races.get(this.scopeOf(change));
    if (races !== undefined) {
      const what = this.isKeyed === false ? 'the state' : 'its key';
      return `other nodes have changed ${what} before it ${races} times`;
    }
    if (this.heldUntil(change) > 0) return 'it waits for another node that has asked for time';
    return change.state === 'sent'
      ? 'JetStream has not answered'
      : 'the changes before it are not stored';
  }

  /** Another node asks for time to write. */
  askedToHold(message: Msg): void {
    const [writer, ms, scope] = Buffer.from(message.data).toString('latin1').split(' ');
    const isTime = Number(ms) > 0 && Number(ms) <= MAX_HOLD_MS;
    if (writer === this.parts.name || !isTime || scope === undefined) return;
    const until = this.parts.clock.now() + Number(ms);
    this.holds.use(scope, Math.max(this.holds.peek(scope) ?? 0, until));
  }

  /** Forgets removals, and deletes what the stream has of them. */
  tidy(): void {
    const { reader } = this.parts;
    reader.forget();
    // A node that does not write does not delete.
    if (!this.hasWritten) reader.removals.take(NEVER);
    if (this.isTidying || !reader.removals.hasForgotten) return;
    this.isTidying = true;
    this.deleteForgotten()
      .catch(() => {
        // A later change, or another node, deletes what is left.
      })
      .finally(() => {
        this.isTidying = false;
      });
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
      const isRetry = this.isKeyed === true && this.races.has(change.token);
      const heldUntil = this.heldUntil(change);
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
    if (!this.races.has(batch[0]!.token)) {
      before = this.sentBefore;
      this.sentBefore = new Promise((resolve) => {
        sent = resolve;
      });
    }
    let carried = batch;
    try {
      await this.begin();
      const most = await this.prepare(batch);
      await before;
      // Changes that a batch before has left come first.
      const isLate = cuts !== this.cuts;
      const plan = isLate ? [] : this.plan(batch, most);
      const answers = this.publish(plan);
      carried = plan.map(({ change }) => change);
      const left = batch.filter((change) => change.state === 'sent' && !carried.includes(change));
      this.release(left, carried);
      if (left.length > 0 && !isLate) this.cuts += 1;
      sent();
      if (left.length > 0) this.pump();
      await this.finish(plan, await answers, begunAt);
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
      const next = this.flying === 0 ? this.idle.shift() : undefined;
      if (next === undefined) this.pump();
      else next();
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
    this.begun ??= (async () => {
      for (;;) {
        const end = await this.parts.reader.end();
        this.size.saw(end);
        this.epoch = end.epoch;
        if (end.floor !== undefined) {
          this.floor = end.floor;
          return;
        }
        await this.putFloor(end.last, end.floorAt, end.last);
      }
    })();
    return this.begun;
  }

  /**
   * Finds the newest changes of the keys, and settles what is stored already. Resolves with the number of keys and bytes that the
   * batch may add.
   */
  private async prepare(batch: readonly PendingChange[]): Promise<StateCounts> {
    const { reader } = this.parts;
    if (this.isKeyed === false && this.last === undefined) {
      const end = await reader.end();
      this.present = new RecentMap(MAX_PRESENT);
      this.last = end.last;
    }
    const subjects = new Set(batch.map(({ subject }) => subject));
    const unknown = [...subjects].filter((subject) => this.present.peek(subject) === undefined);
    const found = unknown.map(async (subject) => {
      this.found(subject, await reader.newestOf(subject));
    });
    if ([...subjects].some((subject) => !this.present.peek(subject))) {
      // After the keys: a key that is gone with a purge is not taken for a new one.
      const [floor] = await Promise.all([reader.floor(), ...found]);
      if (floor.sequence > this.floor.sequence) this.floor = floor;
    }
    let first: StateCounts | undefined;
    const all = { keys: 0, bytes: 0 };
    for (const change of batch) {
      const { subject, tag, write } = change;
      const present = this.present.peek(subject);
      const { sequence: offset = 0 } = present?.writers.find((each) => each.tag === tag) ?? {};
      if (offset > 0) {
        this.settle(change, { position: { epoch: this.epoch, offset } });
        continue;
      }
      const { keys, bytes } = moreOf(write, present);
      if (keys <= 0 && bytes <= 0) continue;
      all.keys += Math.max(0, keys);
      all.bytes += Math.max(0, bytes);
      first ??= { ...all };
    }
    return first === undefined ? all : this.size.prepare(this.limits, first, all);
  }

  private plan(batch: readonly PendingChange[], added: StateCounts): PlannedChange[] {
    const { name, jetStream } = this.parts;
    const plan: PlannedChange[] = [];
    const isKeyed = this.isKeyed === true;
    let { last } = this;
    let previous: string | undefined;
    let isChained = !isKeyed;
    const repeated = repeatedIn(batch);
    let grown: StateCounts = { keys: 0, bytes: 0 };
    for (const change of batch) {
      if (change.state === 'done') continue;
      const { write, subject, id, tag } = change;
      const { isRemoval, byteLength } = write;
      const before = this.present.peek(subject) ?? undefined;
      const current = before?.isRemoval === false ? before : undefined;
      const isUnanswered = before?.sequence === 0;
      // Its version is not known yet.
      if (isUnanswered && write.expected !== undefined) break;
      const version = isUnanswered && current !== undefined ? NEVER : (current?.sequence ?? 0);
      if (isConflict(write, version)) {
        plan.push({ change, conflict: version });
        continue;
      }
      const { keys, bytes } = moreOf(write, before);
      const more = {
        keys: grown.keys + Math.max(0, keys),
        bytes: grown.bytes + Math.max(0, bytes),
      };
      const isFirst = grown.keys === 0 && grown.bytes === 0;
      if (!isFirst && (more.keys > added.keys || more.bytes > added.bytes)) break;
      const refusal = this.size.refusalOf(write, this.limits, current?.byteLength);
      if (refusal !== undefined) {
        plan.push({ change, refusal });
        continue;
      }
      const own = plainText(id);
      const writers = changedBy(before?.writers ?? [], name, tag);
      const headers = this.headersOf(own, isRemoval ? 'r' : 's', 0, writers);
      const headerBytes = HEADERS_BYTES + 2 * own.length + headers.get(RECORD_HEADER).length;
      const most = jetStream.maxBytes - headerBytes;
      if (write.bytes.byteLength > most) {
        this.forget(change);
        change.reject(tooLong(write.bytes.byteLength, most));
        continue;
      }
      if (last !== undefined) headers.set('Nats-Expected-Last-Sequence', `${last}`);
      if (isChained && previous !== undefined) headers.set('Nats-Expected-Last-Msg-Id', previous);
      isChained ||= repeated.has(subject);
      // Of a replicated stream, old servers check a key without a message wrongly.
      if (isKeyed ? !isUnanswered : before !== undefined) {
        headers.set('Nats-Expected-Last-Subject-Sequence', `${before?.sequence ?? 0}`);
      }
      previous = own;
      if (last !== undefined) last += 1;
      grown = more;
      this.size.add(keys, bytes);
      const present = { sequence: last ?? 0, isRemoval, byteLength, writers };
      this.present.use(subject, present);
      plan.push({ change, sent: { headers, present, keys, bytes } });
    }
    return plan;
  }

  /** Sends a batch, and resolves with the answers in the same order. */
  private async publish(
    plan: readonly PlannedChange[],
  ): Promise<(Acknowledgement | Error | undefined)[]> {
    const sends = plan.map(({ change, sent }) => {
      if (sent === undefined) return undefined;
      const { subject, write } = change;
      return this.put(subject, write.bytes, sent.headers).catch((thrown: unknown) =>
        toError(thrown),
      );
    });
    const answers = Promise.all(sends);
    this.size.fly(answers);
    return answers;
  }

  private async put(subject: string, bytes: Buffer, headers: MsgHdrs): Promise<Acknowledgement> {
    return acknowledgementIn(
      await this.parts.jetStream.publish(subject, bytes, headers, ANSWER_MS),
    );
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
      const { change } = step;
      if (answer instanceof Error) {
        failure ??= answer;
        continue;
      }
      const { err_code, description = '' } = answer.error ?? {};
      if (err_code === undefined) {
        this.stored(step.sent, change, answer);
        continue;
      }
      this.size.add(-step.sent.keys, -step.sent.bytes);
      this.present.delete(change.subject);
      if (err_code === WRONG_LAST_SEQUENCE || err_code === WRONG_LAST_IN_PROCESS) {
        lost.add(this.scopeOf(change));
      } else if (err_code === WRONG_LAST_ID) this.unchainedUntil = clock.now() + UNCHAINED_MS;
      else if (err_code === STORE_FAILED && description.includes('maximum bytes')) {
        this.settle(change, this.size.storeRefusal(change.write.byteLength));
      } else failure ??= new Error(`JetStream stored nothing: ${description}`);
      this.last = undefined;
    }
    for (const scope of lost) this.askForTime(scope, begunAt);
    if (failure !== undefined) throw failure;
    await Promise.all(plan.map((step) => step.sent === undefined && this.decline(step)));
  }

  private stored(
    { present }: { readonly present: PresentChange },
    change: PendingChange,
    answer: Acknowledgement,
  ): void {
    const { store, reader, clock, name } = this.parts;
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
      store.saw(offset, plainText(id));
      reader.removals.saw(write.key, offset, write.isRemoval, clock.now());
    }
    this.settle(change, { position: { epoch: this.epoch, offset } });
  }

  /** Answers a change that is not stored, or leaves it in the queue if its key was changed meanwhile. */
  private async decline({ change, conflict, refusal }: PlannedChange): Promise<void> {
    const { reader } = this.parts;
    const { subject, tag } = change;
    const headers = this.headersOf(plainText(change.id), 's', 0, []);
    headers.set('Nats-Expected-Last-Sequence', `${NEVER}`);
    const [known, newest] = await Promise.all([
      this.put(subject, NOTHING, headers),
      reader.newestOf(subject),
    ]);
    const present = this.found(subject, newest);
    const own = present?.writers.find((each) => each.tag === tag);
    const offset = known.duplicate === true ? sequenceIn(known) : own?.sequence;
    if (offset !== undefined) {
      this.settle(change, { position: { epoch: this.epoch, offset } });
      return;
    }
    if (refusal !== undefined) {
      this.settle(change, refusal);
      return;
    }
    const version = present?.isRemoval === false ? present.sequence : 0;
    if (version !== conflict) return;
    const entry = version === 0 ? null : await reader.entryOf(this.epoch, newest!);
    this.settle(change, { conflict: entry ?? null });
  }

  /** Remembers the newest message of a key. */
  private found(subject: string, message: StoredMsg | null): PresentChange | undefined {
    const record = message && recordOf(message.header, message.seq);
    if (!message || !record) {
      this.present.use(subject, null);
      return undefined;
    }
    const byteLength = Buffer.byteLength(keyIn(subject)) + message.data.byteLength;
    // The sequences of another epoch can be used again.
    const writers = record.epoch === this.epoch ? record.writers : [];
    const present = {
      ...{ sequence: message.seq, isRemoval: record.kind === 'r', byteLength, writers },
    };
    this.present.use(subject, present);
    return present;
  }

  private headersOf(
    id: string,
    kind: RecordKind,
    floor: number,
    writers: readonly WriterChange[],
  ): MsgHdrs {
    const headers = this.parts.jetStream.headers();
    headers.set('Nats-Msg-Id', id);
    headers.set(RECORD_HEADER, encodeRecord({ kind, epoch: this.epoch, floor, writers }));
    return headers;
  }

  // --- turns ---

  private scopeOf({ token }: PendingChange): string {
    return this.isKeyed === false ? WHOLE : token;
  }

  /** Returns the time up to which another node has asked for a key, or 0. A node that has lost against others does not wait. */
  private heldUntil(change: PendingChange): number {
    const scope = this.scopeOf(change);
    const until = this.races.has(scope) ? 0 : (this.holds.peek(scope) ?? 0);
    return until > this.parts.clock.now() ? until : 0;
  }

  /** Asks the other nodes for as long as this node needs: for a look, a change, and the way of this message. */
  private askForTime(scope: string, begunAt: number): void {
    const { clock, connection, turns, name } = this.parts;
    this.races.set(scope, (this.races.get(scope) ?? 0) + 1);
    const ms = Math.min(MAX_HOLD_MS, Math.ceil((clock.now() - begunAt) * 2) + 1);
    connection.publish(turns, Buffer.from(`${name} ${ms} ${scope}`, 'latin1'));
  }

  private wakeAt(at: number): void {
    const { clock } = this.parts;
    this.wake?.cancel();
    this.wake = clock.schedule(() => this.pump(), Math.max(1, at - clock.now()));
  }

  // --- removals ---

  private async deleteForgotten(): Promise<void> {
    const { jetStream, store, reader } = this.parts;
    const { removals } = reader;
    if (!this.hasCounted) {
      // Finds the removals of nodes that are gone.
      await reader.counted(await reader.end());
      this.hasCounted = true;
      reader.forget();
    }
    while (removals.floor > this.floor.floor) await this.raiseFloor();
    const { streams } = (await jetStream.clients()).manager;
    for (const each of removals.take(this.floor.floor)) {
      await streams.deleteMessage(store.name, each, false).catch(() => {
        // It was replaced, or another node has deleted it.
      });
    }
  }

  private async raiseFloor(): Promise<void> {
    const { reader } = this.parts;
    if (this.isKeyed === true) {
      await this.putFloor(reader.removals.floor, this.floor.sequence, 0);
      return;
    }
    // A batch of this node expects the end of the stream, too.
    while (this.flying > 0) await new Promise<void>((resolve) => void this.idle.push(resolve));
    this.flying += 1;
    try {
      this.last = undefined;
      const { last } = await reader.end();
      await this.putFloor(reader.removals.floor, 0, last);
    } finally {
      this.flying -= 1;
      this.pump();
    }
  }

  /** Stores a floor, unless another node was first. */
  private async putFloor(floor: number, floorAt: number, last: number): Promise<void> {
    const { floorSubject, reader } = this.parts;
    const headers = this.headersOf(plainText(randomText()), 'f', floor, []);
    if (this.isKeyed === true) headers.set('Nats-Expected-Last-Subject-Sequence', `${floorAt}`);
    else headers.set('Nats-Expected-Last-Sequence', `${last}`);
    const answer = await this.put(floorSubject, NOTHING, headers);
    const { err_code } = answer.error ?? {};
    if (err_code === WRONG_LAST_SEQUENCE || err_code === WRONG_LAST_IN_PROCESS) {
      if (this.floor.sequence > 0) this.floor = await reader.floor();
      return;
    }
    this.floor = { sequence: sequenceIn(answer), floor };
  }

  // --- answers ---

  private settle(change: PendingChange, answer: StateAnswer): void {
    this.forget(change);
    change.resolve(answer);
  }

  private forget(change: PendingChange): void {
    change.state = 'done';
    this.waiting.delete(change.id);
    this.races.delete(this.scopeOf(change));
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

/** Returns what a change adds to a state. */
function moreOf(
  { isRemoval, byteLength }: StateWrite,
  before: PresentChange | null | undefined,
): StateCounts {
  const current = before?.isRemoval === false ? before.byteLength : undefined;
  return {
    keys: (isRemoval ? 0 : 1) - (current === undefined ? 0 : 1),
    bytes: (isRemoval ? 0 : byteLength) - (current ?? 0),
  };
}

/** Returns the subjects of which a batch has several changes. */
function repeatedIn(batch: readonly PendingChange[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(
    batch.flatMap(({ subject }) => {
      if (seen.has(subject)) return [subject];
      seen.add(subject);
      return [];
    }),
  );
}
