import { hashOf, mixed } from './text-hash.ts';

/**
 * Chooses the place of a key by rendezvous hashing. Each place has a score for the key, and the highest score wins. If a place joins
 * or leaves, only the keys of this place get another place.
 *
 * @param nameOf - the name of a place, which no other place has
 * @see Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996
 */
export function rendezvous<P>(
  places: readonly P[],
  key: string,
  nameOf: (place: P) => string,
): P | undefined {
  const keyHash = hashOf(key);
  let best: P | undefined;
  let bestScore = -1;
  for (const place of places) {
    const score = mixed(hashOf(nameOf(place)) ^ keyHash);
    // Equal scores are decided in the same way on all nodes, in any order of the list.
    if (score > bestScore || (score === bestScore && nameOf(place) > nameOf(best!))) {
      best = place;
      bestScore = score;
    }
  }
  return best;
}
