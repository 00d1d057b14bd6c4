/** Messages of another node to a group that did not arrive at this node. */
export interface Gap {
  /** The id of the node that sent the messages. */
  readonly node: string;
  /** The name of the group. */
  readonly group: string;
  /** The number of lost messages. */
  readonly lost: number;
}
