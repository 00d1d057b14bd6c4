import { hashOf, mixed } from '../node/text-hash.ts';

/**
 * The node of a key by rendezvous hashing: each node has a score for the key, the highest one wins. If a node comes or
 * goes, only the keys that it wins, or had won, get another one.
 */
export function rendezvous(nodes: readonly string[], key: string): string | undefined {
  const keyHash = hashOf(key);
  let best: string | undefined;
  let bestScore = -1;
  for (const node of nodes) {
    const score = mixed(hashOf(node) ^ keyHash);
    // Equal scores are decided alike everywhere, whatever the order of the list.
    if (score > bestScore || (score === bestScore && node > best!)) {
      best = node;
      bestScore = score;
    }
  }
  return best;
}
