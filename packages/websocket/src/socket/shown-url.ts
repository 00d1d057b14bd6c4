/** A URL for errors and logs: its user, its password, its query and its fragment may be secrets. */
export function shownUrl(url: URL | string): string {
  return String(url)
    .replace(/\/\/[^/?#]*@/, '//')
    .replace(/[?#].*$/s, '?…');
}
