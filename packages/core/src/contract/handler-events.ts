/**
 * The user events that a handler fires, and the user events that it answers, by the names of their classes. With names, the
 * handler that answers an event need not import the package of the handler that fires it.
 */
export interface HandlerEvents {
  /** Events that the handler fires towards the tail. */
  readonly fires?: readonly string[] | undefined;
  /** Events without which the handler does nothing. A handler that also works without an event does not declare it. */
  readonly answers?: readonly string[] | undefined;
}
