import { hashOf, mixed } from './text-hash.ts';

/**
 * Chooses the node of a key by rendezvous hashing. Each node has a score for the key, and the highest score wins. If a node joins
 * or leaves, only the keys of this node get another node.
 */
export function rendezvous(nodes: readonly string[], key: string): string | undefined {
  const keyHash = hashOf(key);
  let best: string | undefined;
  let bestScore = -1;
  for (const node of nodes) {
    const score = mixed(hashOf(node) ^ keyHash);
    // Equal scores are decided in the same way on all nodes, in any order of the list.
    if (score > bestScore || (score === bestScore && node > best!)) {
      best = node;
      bestScore = score;
    }
  }
  return best;
}
