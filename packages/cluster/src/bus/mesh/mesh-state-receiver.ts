import type { Buffer } from 'node:buffer';
import { toError } from '@headrace/core/authoring';
import type { StateAnswer } from '../../log/state-log.ts';
import type { MeshElections } from './mesh-elections.ts';
import { MAX_FRAME_BYTES } from './mesh-frame.ts';
import type { MeshHolder } from './mesh-holder.ts';
import { copyOf, type StateKeeper } from './mesh-keeper.ts';
import type { MeshKeepers } from './mesh-keepers.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { notNow, type Outcome } from './mesh-requests.ts';
import { newestOf, readPage } from './mesh-state-answers.ts';
import {
  OP,
  readOf,
  StateFields,
  type Written,
  writtenAnswer,
  writtenCopyPage,
  writtenEntryOrNone,
} from './mesh-state-frame.ts';
import type { StateNode } from './mesh-state-node.ts';

/** The roles of a node, for which a {@link StateReceiver} takes frames. */
export interface StateRoles {
  readonly keepers: MeshKeepers;
  readonly holder: MeshHolder;
  readonly elections: MeshElections;
}

const NOTHING: Written = { fields: [], values: [] };
const NONE: Written = { fields: [null], values: [] };

/**
 * Takes what other nodes say about states: answers, news for a role of this node, and calls, which it answers. All fields of a frame
 * are read before the frame has an effect. A call that this version does not understand is refused, any other frame is passed over.
 */
export class StateReceiver {
  private readonly node: StateNode;
  private readonly roles: StateRoles;

  constructor(node: StateNode, roles: StateRoles) {
    this.node = node;
    this.roles = roles;
  }

  take(peer: MeshPeer, bytes: Buffer): void {
    const fields = readOf(() => new StateFields(bytes));
    const op = fields && readOf(() => fields.count());
    if (fields === undefined || op === undefined) return;
    if (op >= OP.answer) {
      readOf(() => this.news(peer, op, fields))?.();
      return;
    }
    const number = readOf(() => fields.count());
    if (number === undefined) return;
    const call = readOf(() => this.call(peer, op, fields));
    if (call === undefined) this.refuse(peer, number, 'it runs another version');
    else
      call({
        done: (written) => this.answer(peer, number, written),
        failed: (error) => this.refuse(peer, number, error.message),
      });
  }

  /** Returns the task of a frame without an answer. */
  private news(peer: MeshPeer, op: number, fields: StateFields): () => void {
    const { requests } = this.node;
    const { keepers, holder, elections } = this.roles;
    if (op === OP.answer || op === OP.refused) {
      const number = fields.count();
      if (op === OP.answer) return () => requests.answered(peer, number, fields);
      const why = fields.text();
      return () => requests.refused(peer, number, why);
    }
    const stream = fields.text();
    switch (op) {
      case OP.release:
        return () => elections.release(peer, stream);
      case OP.claim: {
        const rank = fields.rank();
        return () => {
          elections.over(stream);
          keepers.claimed(peer, stream, rank);
        };
      }
      case OP.unclaim:
        return () => {
          holder.left(peer, stream);
          keepers.unclaimed(peer, stream);
        };
      case OP.better: {
        const rank = fields.rank();
        return () => keepers.outranked(peer, stream, rank);
      }
      case OP.holds:
        return () => keepers.own(stream)?.holds(peer);
      case OP.hold:
        return () => {
          if (keepers.own(stream) === undefined) holder.hold(peer, stream);
        };
      case OP.drop:
        return () => {
          if (keepers.of(stream) === peer) holder.drop(stream);
        };
      case OP.copied: {
        const epoch = fields.text();
        const floor = fields.count();
        const entry = fields.entry(epoch);
        return () => {
          if (keepers.of(stream) === peer) holder.take(peer, stream, entry, floor);
        };
      }
      case OP.held: {
        const epoch = fields.text();
        const offset = fields.count();
        return () => keepers.own(stream)?.held(peer, epoch, offset);
      }
      default:
        return () => {};
    }
  }

  /** Returns the task of a call, or undefined for a call of another version. */
  private call(
    peer: MeshPeer,
    op: number,
    fields: StateFields,
  ): ((outcome: Outcome<Written>) => void) | undefined {
    const { node } = this;
    const { keepers, elections } = this.roles;
    const stream = fields.text();
    switch (op) {
      case OP.change: {
        const turn = fields.count();
        const id = fields.text();
        const limits = fields.limits();
        const write = fields.write();
        return this.ofKeeper(stream, (keeper, { done, failed }) => {
          const answered = (answer: StateAnswer) => done(writtenAnswer(answer));
          keeper.append({ peer, turn }, id, write, limits, { done: answered, failed });
        });
      }
      case OP.read: {
        const after = fields.count();
        const limit = fields.count();
        const limits = fields.limits();
        return this.ofKeeper(stream, ({ state }, { done }) => {
          const read = (most: number) => state.read(after, most, limits, node.now());
          done(readPage(read, limit, MAX_FRAME_BYTES));
        });
      }
      case OP.newest:
        return this.ofKeeper(stream, ({ state }, { done }) => {
          done(writtenEntryOrNone(newestOf(state)));
        });
      case OP.keep:
        return ({ done, failed }) => {
          const keeper = keepers.own(stream);
          keeper?.came(peer);
          const kept = keeper === undefined ? elections.run(stream) : Promise.resolve();
          kept.then(
            () => done(NOTHING),
            (thrown: unknown) => failed(toError(thrown)),
          );
        };
      case OP.prepare:
        return ({ done, failed }) => {
          // The node that asks does not know the keeper, which is this one.
          keepers.own(stream)?.came(peer);
          try {
            const rank = elections.promise(peer, stream);
            done(rank === undefined ? NONE : { fields: [rank.epoch, rank.changes], values: [] });
          } catch (thrown) {
            failed(toError(thrown));
          }
        };
      case OP.copy: {
        const epoch = fields.text();
        const after = fields.count();
        const readFrom = fields.count();
        return ({ done, failed }) => {
          const state = node.copies.get(stream)?.state;
          if (state === undefined) {
            failed(notNow('it has no copy'));
            return;
          }
          const { isWhole, ...page } =
            keepers.own(stream)?.page(peer, epoch, after, readFrom) ??
            copyOf(state, epoch, after, readFrom, node.now());
          const { fields: all, values } = writtenCopyPage(page);
          done({ fields: [isWhole ? 1 : 0, ...all], values });
        };
      }
      default:
        return undefined;
    }
  }

  private ofKeeper(
    stream: string,
    task: (keeper: StateKeeper, outcome: Outcome<Written>) => void,
  ): (outcome: Outcome<Written>) => void {
    return (outcome) => {
      const keeper = this.roles.keepers.own(stream);
      if (keeper === undefined) outcome.failed(notNow('it does not keep the state'));
      else task(keeper, outcome);
    };
  }

  /** An answer that has no room is lost, and the asking node stops waiting for it. */
  private answer(peer: MeshPeer, number: number, { fields, values }: Written): void {
    this.node.send(peer, OP.answer, [number, ...fields], values);
  }

  private refuse(peer: MeshPeer, number: number, why: string): void {
    this.node.send(peer, OP.refused, [number, why]);
  }
}
