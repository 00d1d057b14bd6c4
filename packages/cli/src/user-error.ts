/** An error that the user can correct. The error is printed as one line, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
