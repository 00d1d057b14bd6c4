/** The common part of all answers. An answer without an error is a success. */
export interface SomeAnswer {
  /** Error of a member without an answer. */
  readonly error?: Error | undefined;
}

/** Progress of a request to many members. */
export interface AnswerCounts {
  /** Number of channels that the request is for. */
  readonly members: number;
  /** Number of members that answered without an error. */
  readonly answered: number;
  /** Number of members that failed, or answered with an error. */
  readonly failed: number;
  /** Number of members that have not answered yet. */
  readonly waiting: number;
}

/** The result of a request to many members. */
export interface AnswerSummary<One extends SomeAnswer> {
  /** Answers that no loop has read before, in the order in which they arrived. */
  readonly answers: readonly One[];
  /** Number of members that answered, of all members. */
  readonly answered: number;
  /** Number of members that failed, of all members. */
  readonly failed: number;
  /** Count of each error code in `answers`. An error without a code counts by its name. */
  readonly codes: ReadonlyMap<string, number>;
}

/**
 * The answers of many members to one request, in the order in which they arrive. Each answer is read once. A loop over the
 * answers ends after the last answer. Leaving the loop cancels the rest, here and at the peers. Unread answers are kept, at most
 * one for each member.
 */
export interface GroupAnswers<One extends SomeAnswer> extends AsyncIterable<One> {
  readonly counts: AnswerCounts;
  /** Waits for the end, and resolves with the result. Never rejects. */
  all(): Promise<AnswerSummary<One>>;
  /** Cancels the rest of the request. No further answers arrive. */
  cancel(): void;
}
