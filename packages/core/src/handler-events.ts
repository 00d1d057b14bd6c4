/**
 * The user events that a handler fires, and those that it is there to answer, by the names of their classes. Names, because
 * the handler that answers need not know the package of the one that fires.
 */
export interface HandlerEvents {
  /** Towards the tail. */
  readonly fires?: readonly string[] | undefined;
  /** Of a handler that does nothing without them; one that also works without does not declare them. */
  readonly answers?: readonly string[] | undefined;
}
