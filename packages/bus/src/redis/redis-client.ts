import type { createClient } from '@redis/client';

/** A client of the package `@redis/client`. */
export type RedisClient = ReturnType<typeof createClient>;

/** Ends a client in any state. */
export function destroy(client: RedisClient): void {
  try {
    client.destroy();
  } catch {
    // The client was closed already.
  }
}
