/** A gap: messages of another node to a group that did not arrive here. */
export interface Gap {
  /** The node that sent them. */
  readonly node: string;
  /** The name of the group. */
  readonly group: string;
  /** The number of lost messages. */
  readonly lost: number;
}
