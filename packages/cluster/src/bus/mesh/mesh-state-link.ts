import { EncodeError } from '@headrace/core';
import type { BusSubscription } from '../../log/bus-subscription.ts';
import { OpenedLimits } from '../../log/opened-limits.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../../log/state-log.ts';
import { ChangeTurn } from './mesh-change-turn.ts';
import type { MeshFollowers } from './mesh-followers.ts';
import { MAX_MESSAGE_BYTES } from './mesh-frame.ts';
import { StateKeeper } from './mesh-keeper.ts';
import { AGAIN_MS, KEEPER_WITHIN_MS, type KeeperSearch } from './mesh-keeper-search.ts';
import type { Keeper } from './mesh-keepers.ts';
import type { Outcome } from './mesh-requests.ts';
import { OP, writtenLimits, writtenWrite } from './mesh-state-frame.ts';
import type { StateNode } from './mesh-state-node.ts';

/** The calls of this node for states of a mesh, over one link. Their keepers carry them out. */
export class MeshStateLink implements StateLink {
  private readonly node: StateNode;
  private readonly search: KeeperSearch;
  private readonly followers: MeshFollowers;
  private readonly limits = new OpenedLimits<StateLimits>();
  private readonly turns = new Map<string, ChangeTurn>();
  private turnCount = 0;

  constructor(node: StateNode, search: KeeperSearch, followers: MeshFollowers) {
    this.node = node;
    this.search = search;
    this.followers = followers;
  }

  /** Resolves when a node keeps the state. */
  open(stream: string, limits: StateLimits): Promise<void> {
    this.limits.open(stream, limits);
    this.turnCount += 1;
    this.turns.set(stream, new ChangeTurn(this.turnCount));
    return new Promise((done, failed) => this.search.call(stream, { run: () => done(), failed }));
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
      const limits = this.limits.of(stream);
      const turn = this.turns.get(stream)!;
      const outcome = { done, failed };
      const give = (keeper: Keeper, ordered: Outcome<StateAnswer>): void => {
        const { number } = turn;
        if (keeper instanceof StateKeeper) {
          keeper.append({ turn: number }, id, write, limits, ordered);
          return;
        }
        const { fields, values } = writtenWrite(write);
        const all = { fields: [stream, number, id, ...writtenLimits(limits), ...fields], values };
        this.node.ask(keeper, OP.change, all, (answer) => answer.answer(), ordered);
      };
      this.search.call(stream, {
        run: (keeper) => turn.give(keeper, outcome, (ordered) => give(keeper, ordered)),
        failed: (error) => turn.refuse(outcome, error),
      });
    });
  }

  /** Reads a page. If the keeper ends meanwhile, the next one is asked. */
  read(stream: string, after: number, limit: number): Promise<StatePage> {
    const { node } = this;
    return new Promise((done, giveUp) => {
      const limits = this.limits.of(stream);
      const began = node.now();
      const failed = (error: Error): void => {
        if (node.now() - began >= KEEPER_WITHIN_MS) giveUp(error);
        else node.later(attempt, AGAIN_MS);
      };
      const run = (keeper: Keeper): void => {
        if (keeper instanceof StateKeeper) {
          done(keeper.state.read(after, limit, limits, node.now()));
          return;
        }
        const count = Math.min(limit, Number.MAX_SAFE_INTEGER);
        const all = { fields: [stream, after, count, ...writtenLimits(limits)], values: [] };
        node.ask(keeper, OP.read, all, (answer) => answer.page(), { done, failed });
      };
      const attempt = (): void => this.search.call(stream, { run, failed });
      attempt();
    });
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    return { close: this.followers.follow(stream, listener) };
  }
}
