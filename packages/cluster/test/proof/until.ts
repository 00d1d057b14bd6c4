import { setTimeout as delay } from 'node:timers/promises';

/** Resolves when a server has another answer than nothing. */
export async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (tries === 300) throw new Error('it has no answer');
    await delay(100);
  }
}
