/** The least that an answer says: without an error it is one. */
export interface SomeAnswer {
  /** Why there is no answer. */
  readonly error?: Error | undefined;
}

/** How far a question to many has come. */
export interface AnswerCounts {
  /** The channels that the question is for. */
  readonly members: number;
  /** Members that answered without an error. */
  readonly answered: number;
  /** Members that gave no answer, or an error for one. */
  readonly failed: number;
  /** Members that have not answered yet. */
  readonly waiting: number;
}

/** The end of a question to many. */
export interface AnswerSummary<One extends SomeAnswer> {
  /** Those that no loop has taken before, in the order in which they came. */
  readonly answers: readonly One[];
  /** Of all members. */
  readonly answered: number;
  /** Of all members. */
  readonly failed: number;
  /** How often each error code is among `answers`; an error without a code counts by its name. */
  readonly codes: ReadonlyMap<string, number>;
}

/**
 * The answers of many members to one question, each once, as they come. A loop over it ends after the last one; leaving
 * the loop cancels the rest, here and at the peers. What nobody reads is kept: at most one answer for each member.
 */
export interface GroupAnswers<One extends SomeAnswer> extends AsyncIterable<One> {
  readonly counts: AnswerCounts;
  /** Waits for the end. Never rejects. */
  all(): Promise<AnswerSummary<One>>;
  /** Asks nobody any more and waits for nobody: no further answers come. */
  cancel(): void;
}
