import { Buffer } from 'node:buffer';
import { EncodeError, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { KeyRecords, RecordLimits, RecordLink, RecordWrite } from '../contract/records.ts';
import { acknowledgementIn, sequenceIn, tooLong } from './nats-jet-stream.ts';
import { NatsStore, randomText } from './nats-store.ts';
import type { NatsStoreParts } from './nats-store-parts.ts';
import { keyToken } from './state-key.ts';
import { memoryOf } from './stream-memory.ts';
import { type Follows, type Sent, WholeAppends } from './whole-appends.ts';

const STREAM = /^hr\.([A-Za-z0-9_-]+)\.k\.([A-Za-z0-9_-]+)$/;
const WRONG_SEQUENCE = 10071;
const WRONG_LAST_ID = 10070;
/** Header that removes the earlier records of the subject. */
const ROLLUP = 'Nats-Rollup';
/** Header with the sequence number that the subject's last record must have. */
const EXPECTED = 'Nats-Expected-Last-Subject-Sequence';
/** Headers with the sequence number or the id that the stream's last record must have. */
const EXPECTED_END = 'Nats-Expected-Last-Sequence';
const EXPECTED_ID = 'Nats-Expected-Last-Msg-Id';
const ID = 'Nats-Msg-Id';
/** Header with the sequence numbers of the records before it, from the oldest on. */
const EARLIER = 'Headrace-Earlier';
/** Maximum number of them. */
const MAX_EARLIER = 16;
/** Maximum number of bytes of a record's headers. */
const HEADERS_BYTES = 1024;
/** Maximum time for JetStream to answer an append. The writer gives up long before. */
const ANSWER_MS = 10_000;
/** Time after which a request without an answer is sent again. It doubles up to a maximum, so that a busy server gets few requests twice. */
const ASK_AGAIN_MS = 500;
const MAX_ASK_AGAIN_MS = 2000;
/** Time until a request is not sent again. NATS elects a leader within 9 s. */
const ASK_MS = 10_000;
/** The end of the stream, in the refusal of a record that expects another. */
const END = /last sequence: (\d+)$/;
/** The end of a subject that is of no key. */
const MARK = 'm';
const NOTHING: Buffer = Buffer.alloc(0);
/** Maximum number of reads whose records are removed meanwhile. */
const MAX_READS = 3;

type Stored = Pick<StoredMsg, 'seq' | 'data' | 'header'>;

/** The records of one stream over one link. */
interface OpenRecords {
  readonly store: NatsStore;
  readonly manager: JetStreamManager;
  /** Appends where the server does not compare keys. */
  readonly wholes: WholeAppends;
  /** The last mark that was sent, and the next one, with its sequence number. */
  sent: Promise<unknown>;
  next: Promise<number> | undefined;
}

/**
 * Records in JetStream: one stream, with a subject for each key. A record that replaces the earlier ones is a rollup of its subject.
 *
 * A revision has the sequence numbers of the newest records since the whole one, so that the next record can name them, and all of
 * them are read at the same time. JetStream compares only the last number, and a stream that has lost messages uses numbers again.
 * So a revision also has the id of the last record and the name of the link that has seen it: another link first looks whether the
 * record with this number has this id.
 */
export class NatsRecordLink implements RecordLink {
  private readonly parts: NatsStoreParts;
  private readonly name = randomText();
  private readonly streams = new Map<string, OpenRecords>();

  constructor(parts: NatsStoreParts) {
    this.parts = parts;
  }

  async open(stream: string, { keepMs }: RecordLimits): Promise<void> {
    const { manager } = await this.parts.jetStream.clients();
    let records = this.streams.get(stream);
    if (records === undefined) {
      records = this.recordsOf(manager, stream);
      this.streams.set(stream, records);
    }
    const { store } = records;
    if (!(await store.open({ messages: Number.POSITIVE_INFINITY, ageMs: keepMs }))) {
      this.parts.copies.madeAnew(store);
      throw new Error(`the JetStream stream ${store.name} has another epoch`);
    }
    if (!store.checksKeys) {
      store.warnOnce(
        `nats-server before 2.11 does not compare the keys of the JetStream stream ${store.name}, which has replicas: processes that append wait for each other, so use 2.11 or later, or one replica`,
      );
    }
  }

  async append(stream: string, write: RecordWrite): Promise<string | undefined> {
    const { jetStream, copies } = this.parts;
    const { key, bytes, after } = write;
    const records = this.opened(stream);
    const { store, wholes } = records;
    const most = jetStream.maxBytes - HEADERS_BYTES;
    if (bytes.byteLength > most) throw tooLong(bytes.byteLength, most);
    if (!store.checksKeys) return wholes.append(write);
    const place = placeIn(after);
    if (place.link !== this.name && place.link !== '') {
      const found = await this.check(records, stream, write);
      if (found !== undefined) return found.answer;
    }
    const expected = String(place.sequences.at(-1) ?? 0);
    const sent = await this.put(records, stream, write, randomText(), [EXPECTED, expected]);
    if ('revision' in sent) return sent.revision;
    copies.suspect(store);
    return this.ifRepeated(await this.lastOf(records, stream, key), bytes);
  }

  async read(stream: string, key: string): Promise<KeyRecords | undefined> {
    const records = this.opened(stream);
    const { store } = records;
    if (store.isReplicated) await this.caughtUp(records, stream);
    for (let tries = 0; tries < MAX_READS; tries += 1) {
      const last = await this.lastOf(records, stream, key);
      if (last === undefined) return undefined;
      const found = await this.readBack(records, last);
      if (found !== undefined) return found;
    }
    throw new Error(`the stream ${store.name} gave none of the records that it has of ${key}`);
  }

  async remove(stream: string, key: string, after: string): Promise<void> {
    const records = this.opened(stream);
    const { store, manager } = records;
    const last = await this.lastOf(records, stream, key);
    if (!isAt(placeIn(after), last)) return;
    await manager.streams.purge(store.name, { filter: subjectOf(stream, key), seq: last.seq + 1 });
  }

  // --- parts ---

  private opened(stream: string): OpenRecords {
    const records = this.streams.get(stream);
    if (records?.store.epoch === undefined) throw new Error(`${stream} is not open`);
    return records;
  }

  private recordsOf(manager: JetStreamManager, stream: string): OpenRecords {
    const store = this.storeOf(manager, stream);
    const records: OpenRecords = {
      store,
      manager,
      wholes: new WholeAppends({
        clock: this.parts.clock,
        randomText,
        mark: () => this.caughtUp(records, stream),
        hasApplied: async (seq) =>
          (await this.answerTo(() => manager.streams.getMessage(store.name, { seq }))) !== null,
        check: (write) => this.check(records, stream, write),
        put: (write, id, follows) => this.put(records, stream, write, id, headerOf(follows)),
      }),
      sent: Promise.resolve(),
      next: undefined,
    };
    return records;
  }

  private storeOf(manager: JetStreamManager, stream: string): NatsStore {
    const { connection, copies, replicas, maxBytes, memories, warn, clock } = this.parts;
    const [, app, token] = STREAM.exec(stream) ?? [];
    if (app === undefined || token === undefined) {
      throw new Error(`${stream} is not a name of records: it looks like hr.<app>.k.<name>`);
    }
    // No app and no token has a plus sign, so no other stream has this name.
    const name = `hr_${app}+k+${token}`;
    // The stream has only subjects with one token more.
    const notices = `${stream}.${MARK}.epoch`;
    const store = new NatsStore(manager, {
      ...{ name, subjects: `${stream}.*`, copies: undefined, groups: 'records', rollsUp: true },
      ...{ replicas, maxBytes, memory: memoryOf(memories, name), warn, clock, randomText },
      announce: () => connection.publish(notices),
    });
    copies.watch(store, notices);
    return store;
  }

  /** Looks whether the key has the revision that a write expects. Resolves with the answer if it does not. */
  private async check(
    records: OpenRecords,
    stream: string,
    { key, bytes, after }: RecordWrite,
  ): Promise<{ readonly answer: string | undefined } | undefined> {
    const last = await this.lastOf(records, stream, key);
    const place = placeIn(after);
    const isNext = place.sequences.length === 0 ? last === undefined : isAt(place, last);
    return isNext ? undefined : { answer: this.ifRepeated(last, bytes) };
  }

  /** Publishes a record with a header that says what it must follow. */
  private async put(
    { store }: OpenRecords,
    stream: string,
    { key, bytes, after, replaces }: RecordWrite,
    id: string,
    [header, value]: readonly [string, string],
  ): Promise<Sent> {
    const { jetStream, copies } = this.parts;
    const { sequences: earlier } = placeIn(after);
    const headers = jetStream.headers();
    headers.set(ID, id);
    headers.set(header, value);
    const isWhole = replaces || earlier.length === 0;
    if (isWhole) headers.set(ROLLUP, 'sub');
    else headers.set(EARLIER, earlier.join());
    try {
      const message = await jetStream.publish(subjectOf(stream, key), bytes, headers, ANSWER_MS);
      const answer = acknowledgementIn(message);
      const { err_code, description } = answer.error ?? {};
      if (err_code === WRONG_SEQUENCE || err_code === WRONG_LAST_ID) {
        const end = Number(END.exec(description ?? '')?.[1]);
        return { end: header === EXPECTED_END && end > 0 ? end : undefined };
      }
      const sequence = sequenceIn(answer);
      // Numbers that are used again are those of a stream that has lost messages.
      if (sequence <= store.newest) copies.suspect(store);
      store.saw(sequence, id);
      const revision = this.revisionOf(id, isWhole ? [sequence] : [...earlier, sequence]);
      return { sequence, revision };
    } catch (thrown) {
      if (!(thrown instanceof EncodeError)) store.doubt();
      throw toError(thrown);
    }
  }

  /** Returns the revision of the last record if it has these bytes: its writer has not got the answer. */
  private ifRepeated(last: Stored | undefined, bytes: Uint8Array): string | undefined {
    if (last === undefined || !Buffer.from(last.data).equals(bytes)) return undefined;
    const earlier = isRollup(last.header) ? [] : earlierOf(last.header);
    return this.revisionOf(idOf(last), [...earlier, last.seq]);
  }

  private revisionOf(id: string, sequences: readonly number[]): string {
    return [this.name, id, sequences.slice(-MAX_EARLIER)].join(':');
  }

  /**
   * Resolves when the leader of the stream knows all records that were acknowledged before this call. A server that has just become
   * the leader answers reads before that, and a key would be taken for removed. A mark that the leader stores comes after those
   * records. Reads share a mark.
   */
  private caughtUp(records: OpenRecords, stream: string): Promise<number> {
    const { jetStream } = this.parts;
    records.next ??= records.sent.then(() => {
      records.next = undefined;
      const headers = jetStream.headers();
      headers.set(ROLLUP, 'sub');
      const marking = this.answerTo(async () => {
        const subject = `${stream}.${MARK}`;
        const message = await jetStream.publish(subject, NOTHING, headers, ASK_MS);
        return sequenceIn(acknowledgementIn(message));
      });
      records.sent = marking.catch(() => {});
      return marking;
    });
    return records.next;
  }

  /**
   * Reads the records before this one by their sequence numbers, which the records after them have in a header: a server finds them
   * at once, and would have to search for a record by its subject among the records of all other keys. A consumer for each key would
   * need a leader, which takes long when many keys are read after a server has died. Returns `undefined` if the records were removed
   * meanwhile.
   */
  private async readBack(
    { store, manager }: OpenRecords,
    last: Stored,
  ): Promise<KeyRecords | undefined> {
    const found: Stored[] = [last];
    while (!isRollup(found[0]!.header)) {
      const earlier = earlierOf(found[0]!.header);
      const all = await Promise.all(
        earlier.map((seq) => this.answerTo(() => manager.streams.getMessage(store.name, { seq }))),
      );
      if (all.length === 0 || all.includes(null)) return undefined;
      found.unshift(...(all as Stored[]));
    }
    return {
      records: found.map(({ data }) => Buffer.from(data)),
      revision: this.revisionOf(
        idOf(last),
        found.map(({ seq }) => seq),
      ),
    };
  }

  private async lastOf(
    { store, manager }: OpenRecords,
    stream: string,
    key: string,
  ): Promise<Stored | undefined> {
    const last = { last_by_subj: subjectOf(stream, key) };
    const found = await this.answerTo(() => manager.streams.getMessage(store.name, last));
    if (found === null) return undefined;
    store.saw(found.seq, idOf(found));
    return found;
  }

  /**
   * Sends a request again while no answer arrives, and resolves with the first answer. While servers elect a leader, they drop
   * requests, and a request that was dropped would wait for its time-out. A slow server may still answer the first request.
   */
  private answerTo<T>(request: () => Promise<T>): Promise<T> {
    const { clock } = this.parts;
    const endAt = clock.now() + ASK_MS;
    return new Promise((resolve, reject) => {
      let open = 0;
      let waitMs = ASK_AGAIN_MS;
      let timer: Timer | undefined;
      const settle = (act: () => void): void => {
        timer?.cancel();
        act();
      };
      const ask = (): void => {
        open += 1;
        timer = undefined;
        if (clock.now() < endAt) timer = clock.schedule(ask, waitMs);
        waitMs = Math.min(waitMs * 2, MAX_ASK_AGAIN_MS);
        request().then(
          (answer) => settle(() => resolve(answer)),
          (thrown: Error) => {
            open -= 1;
            const mayCome = thrown.name === 'TimeoutError' && (open > 0 || timer !== undefined);
            if (!mayCome) settle(() => reject(thrown));
          },
        );
      };
      ask();
    });
  }
}

function headerOf(follows: Follows): readonly [string, string] {
  return 'id' in follows ? [EXPECTED_ID, follows.id] : [EXPECTED_END, String(follows.sequence)];
}

function subjectOf(stream: string, key: string): string {
  return `${stream}.${keyToken(key)}`;
}

/** The parts of a revision. The one of no record has no link and no numbers. */
interface Place {
  readonly link: string;
  readonly id: string;
  readonly sequences: readonly number[];
}

function placeIn(revision: string | undefined): Place {
  const [link = '', id = '', list] = revision?.split(':') ?? [];
  return { link, id, sequences: list?.split(',').map(Number) ?? [] };
}

/** Returns true if this is the last record of a revision. */
function isAt({ id, sequences }: Place, last: Stored | undefined): last is Stored {
  return last !== undefined && last.seq === sequences.at(-1) && idOf(last) === id;
}

function idOf({ header }: Stored): string {
  return header.get(ID);
}

/** Returns the numbers of the records before a record. */
function earlierOf(headers: MsgHdrs): readonly number[] {
  return headers
    .get(EARLIER)
    .split(',')
    .map(Number)
    .filter((seq) => seq > 0);
}

/** Returns true if the record replaced the records before it. */
function isRollup(headers: MsgHdrs): boolean {
  return headers.get(ROLLUP) === 'sub';
}
