// The events, for the server and its clients: types for the compiler, and a check of what clients send.
import { z } from 'zod';

export const Name = z.string().trim().min(1).max(30);
export const ROOMS = ['lobby', 'garden'] as const;
export type Room = (typeof ROOMS)[number];

/** Events of clients. A last parameter that is a function is the answer. */
export interface ClientToServer {
  /** Leaves the room where the client is. The answer has the names of the others in the new one. */
  join: (room: Room, joined: (others: string[]) => void) => void;
  /** The answer is the number of others that the text is sent to. */
  say: (text: string, heard: (others: number) => void) => void;
}

/** Events of the server. */
export interface ServerToClient {
  came: (name: string) => void;
  said: (name: string, text: string) => void;
}

/** The arguments of the clients' events. */
export const SCHEMAS = {
  join: z.tuple([z.enum(ROOMS)]),
  say: z.tuple([z.string().trim().min(1).max(2000)]),
};
