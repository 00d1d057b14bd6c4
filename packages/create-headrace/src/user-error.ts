/** An error that the user can correct. The program prints the message as one line, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** The user pressed Ctrl+C or Ctrl+D at a question. The program ends without a message. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}
