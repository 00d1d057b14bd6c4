import { Buffer } from 'node:buffer';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '@headrace/store';
import { MemoryState } from '../../../store/test/fixture/engines.ts';
import { OP } from './broker-frame.ts';

export { MemoryState } from '../../../store/test/fixture/engines.ts';

/** How the states of a broker may be broken, for scenarios that have to notice it. */
export type StateFault =
  | 'ignores versions'
  | 'hides forgotten removals'
  | 'hides changes'
  | 'changes ids twice';

interface Change {
  readonly id: string;
  readonly write: StateWrite;
  readonly at: number;
}

interface State {
  memory: MemoryState;
  epochs: number;
  limits: StateLimits;
  /** What was stored, in order. */
  changes: Change[];
}

/** The states on the broker's disk. What they acknowledge is stored, unless the disk loses it. */
export class BrokerStates {
  /** How many of the newest changes are lost at a restart. The epoch changes then. */
  lost: (random: () => number) => number = () => 0;
  private readonly fault: string | undefined;
  private readonly states = new Map<string, State>();

  constructor(fault?: string) {
    this.fault = fault;
  }

  started(random: () => number): void {
    for (const state of this.states.values()) {
      const lost = this.lost(random);
      if (lost === 0) continue;
      state.changes.splice(-lost);
      this.rebuild(state);
    }
  }

  /** The state as it is, without removals. */
  values(stream: string): Map<string, Buffer> {
    const { memory, limits } = this.state(stream);
    const { entries } = memory.read(0, Infinity, limits, 0);
    const present = entries.filter(({ isRemoval }) => !isRemoval);
    return new Map(present.map(({ key, bytes }) => [key, bytes]));
  }

  answer(
    op: number,
    stream: string,
    question: string,
    now: number,
  ): { readonly answer: unknown; readonly entry?: StateEntry | undefined } {
    const state = this.state(stream);
    if (op === OP.readState) {
      const { after, limit, limits } = JSON.parse(question) as ReadQuestion;
      if (limits !== undefined) state.limits = limits;
      const page = state.memory.read(after, limit, state.limits, now);
      const floor = this.fault === 'hides forgotten removals' ? 0 : page.floor;
      return { answer: { ...page, floor, entries: page.entries.map(storedChange) } };
    }
    const { id, ...write } = loadedWrite(JSON.parse(question) as StoredWrite);
    return this.change(state, this.fault === 'changes ids twice' ? `${id} ${now}` : id, write, now);
  }

  private change(state: State, id: string, given: StateWrite, now: number) {
    const { memory, limits } = state;
    const write = this.fault === 'ignores versions' ? { ...given, expected: undefined } : given;
    const { last } = memory.read(0, 1, limits, now);
    const answer = memory.append(id, write, limits, now);
    if ('conflict' in answer) {
      const { conflict } = answer;
      return { answer: { conflict: conflict === null ? null : storedChange(conflict) } };
    }
    if (!('position' in answer) || answer.position.offset <= last) return { answer };
    state.changes.push({ id, write, at: now });
    const [entry] = memory.read(last, 1, limits, now).entries;
    return { answer, entry };
  }

  private state(stream: string): State {
    let state = this.states.get(stream);
    if (state === undefined) {
      const limits = { keys: 1e6, bytes: 1e9, removals: 1e6, removalAgeMs: 1e9 };
      state = { memory: new MemoryState('e#0'), epochs: 0, changes: [], limits };
      this.rebuild(state);
      this.states.set(stream, state);
    }
    return state;
  }

  private rebuild(state: State): void {
    state.epochs += 1;
    state.memory = new MemoryState(`e#${state.epochs}`);
    for (const { id, write, at } of state.changes) {
      state.memory.append(id, { ...write, expected: undefined }, state.limits, at);
    }
  }
}

type Ask = (op: number, subject: string, bytes: Buffer) => Promise<Buffer>;

interface ReadQuestion {
  readonly after: number;
  readonly limit: number;
  readonly limits?: StateLimits;
}

/** A link's end of the broker's states. */
export class BrokerStateLink implements StateLink {
  private readonly ask: Ask;
  private readonly send: (op: number, subject: string) => void;
  private readonly listeners = new Map<string, (entry: StateEntry) => void>();
  private readonly fault: string | undefined;
  /** The offset that the reader has, if it believes what it is told. */
  private last = 0;

  constructor(ask: Ask, send: (op: number, subject: string) => void, fault?: string) {
    this.ask = ask;
    this.send = send;
    this.fault = fault;
  }

  async open(stream: string, limits: StateLimits): Promise<void> {
    await this.question(OP.readState, stream, { after: 0, limit: 1, limits });
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    const { bytes, ...rest } = write;
    const stored = { ...rest, id, bytes: bytes.toString('base64') };
    const answer = (await this.question(OP.change, stream, stored)) as StoredAnswer;
    if (answer.conflict === undefined || answer.conflict === null) return answer as StateAnswer;
    return { conflict: loadedChange(answer.conflict) };
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    const page = (await this.question(OP.readState, stream, { after, limit })) as Omit<
      StatePage,
      'entries'
    > & { readonly entries: readonly StoredChange[] };
    this.last = Math.max(this.last, page.end);
    return { ...page, entries: page.entries.map(loadedChange) };
  }

  follow(stream: string, listener: (entry: StateEntry) => void): { close(): void } {
    this.listeners.set(stream, listener);
    this.send(OP.subscribe, changedSubject(stream));
    return {
      close: () => {
        this.listeners.delete(stream);
        this.send(OP.unsubscribe, changedSubject(stream));
      },
    };
  }

  received(stream: string, bytes: Buffer): void {
    const entry = loadedChange(JSON.parse(String(bytes)) as StoredChange);
    // As if it came next.
    const previous = this.fault === 'hides changes' ? this.last : entry.previous;
    this.last = entry.position.offset;
    this.listeners.get(stream)?.({ ...entry, previous });
  }

  private async question(op: number, stream: string, question: object): Promise<unknown> {
    return JSON.parse(String(await this.ask(op, stream, Buffer.from(JSON.stringify(question)))));
  }
}

type StoredChange = Omit<StateEntry, 'bytes'> & { readonly bytes: string };
type StoredWrite = Omit<StateWrite, 'bytes'> & { readonly id: string; readonly bytes: string };
type StoredAnswer = { readonly conflict?: StoredChange | null };

export function changedSubject(stream: string): string {
  return `changed ${stream}`;
}

export function storedChange(entry: StateEntry): StoredChange {
  return { ...entry, bytes: entry.bytes.toString('base64') };
}

function loadedChange(entry: StoredChange): StateEntry {
  return { ...entry, bytes: Buffer.from(entry.bytes, 'base64') };
}

function loadedWrite(write: StoredWrite): StateWrite & { readonly id: string } {
  return { ...write, bytes: Buffer.from(write.bytes, 'base64'), expected: write.expected };
}
