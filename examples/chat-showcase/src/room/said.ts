/** A message that was said in the room. */
export interface Said {
  readonly id: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The last messages, the oldest first; the last one has the number `total`. */
export interface Recent {
  /** Numbers of one epoch can be compared. */
  readonly epoch: string;
  readonly total: number;
  readonly messages: readonly Said[];
}

/** Keeps the messages for members that join later. */
export interface RoomHistory {
  add(said: Said): void;
  latest(): Recent | Promise<Recent>;
}
