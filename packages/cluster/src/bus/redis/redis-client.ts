import type { createClient } from '@redis/client';

/** A client as the package makes it. */
export type RedisClient = ReturnType<typeof createClient>;

/** Ends a client, whatever state it is in. */
export function destroy(client: RedisClient): void {
  try {
    client.destroy();
  } catch {
    // Closed already.
  }
}
