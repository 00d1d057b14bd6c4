import { RespAttributed, RespMap, RespPush, RespSet, type RespValue } from './resp-value.ts';

/** What an aggregate that is being read becomes. */
export type AggregateKind = 'array' | 'map' | 'set' | 'push' | 'attributes' | 'attributed';

/** An aggregate of which elements are still to come. */
export class RespAggregate {
  readonly kind: AggregateKind;
  readonly outer: RespAggregate | undefined;
  readonly depth: number;
  readonly items: RespValue[] = [];
  /** Elements still to come; `Infinity` if the peer says at the end that it is the end. */
  left: number;

  constructor(kind: AggregateKind, left: number, outer: RespAggregate | undefined) {
    this.kind = kind;
    this.left = left;
    this.outer = outer;
    this.depth = outer === undefined ? 1 : outer.depth + 1;
  }

  /** The whole aggregate. Attributes are a `RespMap` as well. */
  finish(): RespValue {
    const { items } = this;
    switch (this.kind) {
      case 'array':
        return items;
      case 'set':
        return new RespSet(items);
      case 'push':
        return new RespPush(items);
      case 'attributed':
        return new RespAttributed(items[0] as RespMap, items[1]!);
      default:
        return new RespMap(items);
    }
  }
}
