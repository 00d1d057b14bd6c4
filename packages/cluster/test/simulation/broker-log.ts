import { Buffer } from 'node:buffer';
import type { SimulatedHost } from '@headrace/simulation';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '@headrace/store';
import { OP } from './broker-frame.ts';
import { BrokerStates, type StateFault } from './broker-state.ts';

/** What the broker's disk knows of one stream. */
interface Stream {
  readonly epoch: string;
  readonly entries: LogEntry[];
  readonly offsets: Map<string, number>;
}

/** How the log of a broker may be broken, for scenarios that have to notice it. */
export type LogFault = 'stores ids twice' | 'hides holes' | 'forgets on restart' | StateFault;

/** The disk of the simulated broker: it survives a crash. What it acknowledges is stored. */
export class BrokerDisk {
  private readonly fault: LogFault | undefined;
  private readonly streams = new Map<string, Stream>();
  readonly states: BrokerStates;
  /** True for a live copy that gets lost on the way to one node: asked for each. */
  losesCopy: (host: SimulatedHost) => boolean = () => false;

  constructor(fault?: LogFault) {
    this.fault = fault;
    this.states = new BrokerStates(fault);
  }

  /** All that was stored, in order. */
  entries(stream: string): readonly LogEntry[] {
    return this.stream(stream).entries;
  }

  started(random: () => number): void {
    this.states.started(random);
    if (this.fault === 'forgets on restart') {
      for (const { entries } of this.streams.values()) entries.splice(-2);
    }
  }

  append(name: string, id: string, bytes: Buffer): { position: LogPosition; entry?: LogEntry } {
    const { epoch, entries, offsets } = this.stream(name);
    const seen = offsets.get(id);
    if (seen !== undefined && this.fault !== 'stores ids twice') {
      return { position: { epoch, offset: seen } };
    }
    const previous = entries.at(-1)?.position.offset ?? 0;
    // As in a stream that several rooms share.
    const offset = previous + 1 + (bytes.byteLength % 3);
    offsets.set(id, offset);
    const entry = { position: { epoch, offset }, previous, id, bytes: Buffer.from(bytes) };
    entries.push(entry);
    return { position: entry.position, entry };
  }

  read(name: string, after: number, limit: number): LogPage {
    const { epoch, entries } = this.stream(name);
    const found = entries.filter(({ position }) => position.offset > after).slice(0, limit);
    const first = entries[0]?.position.offset ?? 0;
    return { epoch, entries: found, first, last: entries.at(-1)?.position.offset ?? 0 };
  }

  private stream(name: string): Stream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = { epoch: `${name}#1`, entries: [], offsets: new Map() };
      this.streams.set(name, stream);
    }
    return stream;
  }
}

/** Asks the broker, and gets its answer. */
export type AskBroker = (op: number, subject: string, bytes: Buffer) => Promise<Buffer>;

/** A link's end of the broker's log. */
export class BrokerLogLink implements LogLink {
  private readonly ask: AskBroker;
  private readonly send: (op: number, subject: string) => void;
  private readonly listeners = new Map<string, (entry: LogEntry) => void>();
  private readonly fault: LogFault | undefined;

  constructor(ask: AskBroker, send: (op: number, subject: string) => void, fault?: LogFault) {
    this.ask = ask;
    this.send = send;
    this.fault = fault;
  }

  async open(_stream: string, _limits: LogLimits): Promise<void> {}

  async append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const answer = await this.ask(OP.append, stream, packed(id, bytes));
    return JSON.parse(answer.toString()) as LogPosition;
  }

  async read(stream: string, after: number, limit: number): Promise<LogPage> {
    const question = Buffer.from(JSON.stringify({ after, limit }));
    const page = JSON.parse(String(await this.ask(OP.read, stream, question))) as StoredPage;
    return { ...page, entries: page.entries.map(loaded) };
  }

  follow(stream: string, listener: (entry: LogEntry) => void): { close(): void } {
    this.listeners.set(stream, listener);
    this.send(OP.subscribe, liveSubject(stream));
    return {
      close: () => {
        this.listeners.delete(stream);
        this.send(OP.unsubscribe, liveSubject(stream));
      },
    };
  }

  received(stream: string, bytes: Buffer): void {
    const entry = loaded(JSON.parse(String(bytes)) as StoredEntry);
    // As if nothing was before it.
    const previous = this.fault === 'hides holes' ? Math.min(1, entry.previous) : entry.previous;
    this.listeners.get(stream)?.({ ...entry, previous });
  }
}

type StoredEntry = Omit<LogEntry, 'bytes'> & { readonly bytes: string };
type StoredPage = Omit<LogPage, 'entries'> & { readonly entries: readonly StoredEntry[] };

export function liveSubject(stream: string): string {
  return `live ${stream}`;
}

export function stored(entry: LogEntry): StoredEntry {
  return { ...entry, bytes: entry.bytes.toString('base64') };
}

function loaded(entry: StoredEntry): LogEntry {
  return { ...entry, bytes: Buffer.from(entry.bytes, 'base64') };
}

function packed(id: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([id.length]), Buffer.from(id), bytes]);
}

export function unpacked(packet: Buffer): { readonly id: string; readonly bytes: Buffer } {
  const end = 1 + packet[0]!;
  return { id: packet.toString('utf8', 1, end), bytes: packet.subarray(end) };
}
