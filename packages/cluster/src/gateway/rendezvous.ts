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

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

/** The finalizer of MurmurHash3: each bit of the result depends on each bit of the input. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
