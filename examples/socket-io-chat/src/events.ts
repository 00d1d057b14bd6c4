// The events of both ends, for the types of the server and of the page.

export const ROOMS = ['garden', 'kitchen'] as const;
export type Room = (typeof ROOMS)[number];

export interface ClientToServer {
  /** Leaves the room where the client is. The answer is the number of others in the new one. */
  join: (room: Room, joined: (others: number) => void) => void;
  /** The answer is the number of others that the text is sent to. */
  say: (text: string, heard: (others: number) => void) => void;
}

export interface ServerToClient {
  said: (name: string, text: string) => void;
}
