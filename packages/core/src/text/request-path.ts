/** The start of a target in absolute form. Every server must accept this form, which proxies send (RFC 9112, section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?]*/i;

/** Returns the path of the target of an HTTP request, without the query. */
export function requestPath(url = ''): string {
  return url.replace(ORIGIN, '').split('?', 1)[0]!;
}
