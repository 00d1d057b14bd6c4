/** A subscription to a subject. */
export interface BusSubscription {
  /** Ends the subscription at once. */
  close(): void;
}
