import { RespAttributed, RespMap, RespPush, RespSet, type RespValue } from './resp-value.ts';

export type AggregateKind = 'array' | 'map' | 'set' | 'push' | 'attributes' | 'attributed';

/** An aggregate whose elements have not all arrived. */
export interface RespAggregate {
  readonly kind: AggregateKind;
  readonly outer: RespAggregate | undefined;
  readonly depth: number;
  readonly items: RespValue[];
  /** Number of missing elements. `Infinity` for a streamed aggregate, which ends with a marker. */
  left: number;
}

/** Returns an aggregate without elements. A literal, because each command needs one. */
export function openAggregate(
  kind: AggregateKind,
  left: number,
  outer: RespAggregate | undefined,
): RespAggregate {
  return { kind, outer, depth: outer === undefined ? 1 : outer.depth + 1, items: [], left };
}

/** Returns the whole aggregate as a value. Attributes are a `RespMap` as well. */
export function finishAggregate({ kind, items }: RespAggregate): RespValue {
  switch (kind) {
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
