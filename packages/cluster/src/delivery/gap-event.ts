/** Messages of another node to a group that did not arrive at this node. */
export interface Gap {
  /** The id of the node that sent the messages. */
  readonly node: string;
  readonly group: string;
  readonly lost: number;
}
