import { Buffer } from 'node:buffer';
import { sequenceIn } from './nats-jet-stream.ts';
import type { NatsStateReader, StateEnd, StoredFloor } from './nats-state-reader.ts';
import { type NatsStore, randomText } from './nats-store.ts';
import { isLost, type StateMessages } from './state-messages.ts';
import { newEpoch } from './state-record.ts';

const NOTHING = Buffer.alloc(0);

/** The parts of a {@link StateFloor}. */
export interface StateFloorParts {
  readonly reader: NatsStateReader;
  readonly messages: StateMessages;
  readonly store: NatsStore;
  /** The subject of the floor. */
  readonly floorSubject: string;
}

/** The floor of a state, as one node writes it, and the deletion of the removals below it. */
export class StateFloor {
  private readonly parts: StateFloorParts;
  private known: StoredFloor = { sequence: 0, epoch: '', floor: 0 };
  private isTidying = false;
  private hasCounted = false;

  constructor(parts: StateFloorParts) {
    this.parts = parts;
  }

  /** Resolves with what the stream has of the state, which begins with a floor. */
  async begin(): Promise<StateEnd> {
    const { reader, store } = this.parts;
    for (;;) {
      const end = await reader.end();
      if (end.floor !== undefined) {
        this.saw(end.floor);
        return end;
      }
      const { last, top } = end;
      const epoch = newEpoch(store.epoch!, last === 0 ? top : undefined);
      const sequence = await this.put(last, end, epoch);
      if (sequence === undefined) continue;
      const floor = { sequence, epoch, floor: last };
      return { ...end, epoch, last: sequence, top: sequence, floor, floorAt: sequence };
    }
  }

  /** Makes sure that the state still has its floor. Another node can have emptied it, or another program can have purged it. */
  async look(): Promise<void> {
    const floor = await this.parts.reader.floor();
    if (floor === undefined) await this.begin();
    else this.saw(floor);
  }

  /** Notes the newest floor. */
  saw(floor: StoredFloor): void {
    if (floor.sequence > this.known.sequence) this.known = floor;
    this.parts.messages.epoch = this.known.epoch;
  }

  /** Removes all messages of the state if it has no key and no removal that is remembered. Resolves with true if it is empty then. */
  async empty(): Promise<boolean> {
    const { reader } = this.parts;
    const { removals } = reader;
    const before = await reader.emptyEnd();
    if (before === undefined) return false;
    if (before.last === 0) return true;
    let now: StateEnd | undefined = before;
    if (before.floor !== undefined && before.floor.floor < removals.floor) {
      // A floor that another node stores meanwhile stays. It must know the removals that are gone.
      this.saw(before.floor);
      await this.put(removals.floor, before);
      now = await reader.emptyEnd();
    }
    if (now === undefined || (now.floor !== undefined && now.floor.floor < removals.floor)) {
      return false;
    }
    await reader.purge(now.last);
    removals.take(Number.MAX_SAFE_INTEGER);
    return true;
  }

  /** Deletes what the stream has of forgotten removals. What another node has changed meanwhile is deleted the next time. */
  async tidy(): Promise<void> {
    const { reader } = this.parts;
    if (this.isTidying || (!reader.removals.hasForgotten && !reader.isBare)) return;
    this.isTidying = true;
    try {
      if (reader.isBare) await this.begin();
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
    if (end.floor === undefined) return;
    this.saw(end.floor);
    if (removals.floor > this.known.floor) await this.put(removals.floor, end);
  }

  /** Stores a floor, unless another node was first. Resolves with its sequence, or undefined. */
  private async put(
    floor: number,
    { top, floorAt }: StateEnd,
    epoch: string = this.known.epoch,
  ): Promise<number | undefined> {
    const { messages, floorSubject, reader } = this.parts;
    const headers = messages.headersOf(randomText(), 'f', floor, [], epoch);
    if (reader.isKeyed === true) headers.set('Nats-Expected-Last-Subject-Sequence', `${floorAt}`);
    else headers.set('Nats-Expected-Last-Sequence', `${top}`);
    const answer = await messages.put(floorSubject, NOTHING, headers);
    if (!isLost(answer)) {
      const sequence = sequenceIn(answer);
      this.saw({ sequence, epoch, floor });
      return sequence;
    }
    if (this.known.sequence > 0) {
      const now = await reader.floor();
      if (now !== undefined) this.saw(now);
    }
    return undefined;
  }
}
