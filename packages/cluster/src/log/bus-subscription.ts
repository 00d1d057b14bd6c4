/** A subject that is listened to. */
export interface BusSubscription {
  /** Nothing comes any more, at once. */
  close(): void;
}
