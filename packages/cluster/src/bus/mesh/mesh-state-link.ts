import { EncodeError } from '@headrace/core';
import type { BusSubscription } from '../../log/bus-subscription.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../../log/state-log.ts';
import { ChangeTurn } from './mesh-change-turn.ts';
import { MAX_MESSAGE_BYTES } from './mesh-frame.ts';
import type { MeshStates } from './mesh-states.ts';

/** The states of a mesh, over one link. */
export class MeshStateLink implements StateLink {
  private readonly states: MeshStates;
  private readonly limits = new Map<string, StateLimits>();
  private readonly turns = new Map<string, ChangeTurn>();
  private turnCount = 0;

  constructor(states: MeshStates) {
    this.states = states;
  }

  open(stream: string, limits: StateLimits): Promise<void> {
    this.limits.set(stream, limits);
    this.turnCount += 1;
    this.turns.set(stream, new ChangeTurn(this.turnCount));
    return new Promise((done, failed) => this.states.find(stream, { done, failed }));
  }

  append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    return new Promise((done, failed) => {
      const { byteLength } = write;
      if (byteLength > MAX_MESSAGE_BYTES) {
        const text = `a change of ${byteLength} bytes does not fit into a message of the mesh`;
        throw new EncodeError('MESSAGE_TOO_LONG', text, {
          length: byteLength,
          max: MAX_MESSAGE_BYTES,
        });
      }
      const limits = this.limitsOf(stream);
      const turn = this.turns.get(stream)!;
      this.states.append(stream, id, write, limits, turn, { done, failed });
    });
  }

  read(stream: string, after: number, limit: number): Promise<StatePage> {
    return new Promise((done, failed) =>
      this.states.read(stream, after, limit, this.limitsOf(stream), { done, failed }),
    );
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    return { close: this.states.follow(stream, listener) };
  }

  private limitsOf(stream: string): StateLimits {
    const limits = this.limits.get(stream);
    if (limits === undefined) throw new Error(`${stream} is not open`);
    return limits;
  }
}
