/** The user can put it right: printed as one line, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Ctrl+C or Ctrl+D at a question: the program ends without a word. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}
