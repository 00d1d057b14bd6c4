/** The same for two objects that name the same place. */
export function placeKey(place: unknown): string {
  if (typeof place !== 'object' || place === null || place instanceof URL) return String(place);
  const { host, port, path, name } = place as Record<string, unknown>;
  return JSON.stringify([host, port, path, name].map((part) => String(part)));
}
