/** A subject that is listened to. */
export interface BusSubscription {
  /** Ends the subscription at once. */
  close(): void;
}
