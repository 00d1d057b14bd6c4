/** A row of the application's database, as the option `getState` of a state group gives it. */
export interface StateRow<Value = unknown> {
  /** Key of the group. */
  readonly key: string;
  readonly value: Value;
  /**
   * Number that grows with each change of the row, even if the row is deleted and made again: a sequence of the database. Of two changes,
   * the one with the higher number is the newer one. With the same number, the row is taken for unchanged. @default not known
   */
  readonly rowVersion?: number | undefined;
}

/** The argument of the option `getState` of a state group. */
export interface StateRead {
  /** Signal that aborts when the rows are not needed any more, or took too long. */
  readonly signal: AbortSignal;
}

/** Rows of a database, at once or one after the other. */
export type StateRows<Value = unknown> = Iterable<StateRow<Value>> | AsyncIterable<StateRow<Value>>;
