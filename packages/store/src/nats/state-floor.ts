import { Buffer } from 'node:buffer';
import { plainText, sequenceIn } from './nats-jet-stream.ts';
import type { NatsStateReader, StateEnd, StoredFloor } from './nats-state-reader.ts';
import { randomText } from './nats-store.ts';
import { isLost, type StateMessages } from './state-messages.ts';

const NOTHING = Buffer.alloc(0);

/** The parts of a {@link StateFloor}. */
export interface StateFloorParts {
  readonly reader: NatsStateReader;
  readonly messages: StateMessages;
  /** The subject of the floor. */
  readonly floorSubject: string;
}

/** The floor of a state, as one node writes it, and the deletion of the removals below it. */
export class StateFloor {
  private readonly parts: StateFloorParts;
  private known: StoredFloor = { sequence: 0, floor: 0 };
  private isTidying = false;
  private hasCounted = false;

  constructor(parts: StateFloorParts) {
    this.parts = parts;
  }

  /** Resolves with what the stream has, which begins with a floor. */
  async begin(): Promise<StateEnd> {
    const { reader, messages } = this.parts;
    for (;;) {
      const end = await reader.end();
      messages.epoch = end.epoch;
      if (end.floor !== undefined) {
        this.known = end.floor;
        return end;
      }
      await this.put(end.last, end);
    }
  }

  /** Makes sure that the stream still has its floor. @throws Error if it has lost messages */
  async look(): Promise<void> {
    const floor = await this.parts.reader.floor();
    if (floor.sequence > this.known.sequence) this.known = floor;
  }

  /** Deletes what the stream has of forgotten removals. What another node has changed meanwhile is deleted the next time. */
  async tidy(): Promise<void> {
    const { reader } = this.parts;
    if (this.isTidying || !reader.removals.hasForgotten) return;
    this.isTidying = true;
    try {
      await this.raise();
      for (const each of reader.removals.take(this.known.floor)) await reader.delete(each);
    } finally {
      this.isTidying = false;
    }
  }

  /** Stores the newest floor before what is below it is deleted. */
  async raise(): Promise<void> {
    const { reader } = this.parts;
    const { removals } = reader;
    if (!removals.hasForgotten) return;
    if (!this.hasCounted) {
      // Finds the removals of nodes that are gone.
      await reader.counted(await reader.end());
      this.hasCounted = true;
      reader.forget();
    }
    if (removals.floor <= this.known.floor) return;
    const end = await reader.end();
    if (end.floor !== undefined) this.known = end.floor;
    if (removals.floor > this.known.floor) await this.put(removals.floor, end);
  }

  /** Stores a floor, unless another node was first. */
  private async put(floor: number, { last, floorAt }: StateEnd): Promise<void> {
    const { messages, floorSubject, reader } = this.parts;
    const headers = messages.headersOf(plainText(randomText()), 'f', floor, []);
    if (reader.isKeyed === true) headers.set('Nats-Expected-Last-Subject-Sequence', `${floorAt}`);
    else headers.set('Nats-Expected-Last-Sequence', `${last}`);
    const answer = await messages.put(floorSubject, NOTHING, headers);
    if (!isLost(answer)) this.known = { sequence: sequenceIn(answer), floor };
    else if (this.known.sequence > 0) await this.look();
  }
}
