/** The start of a target in absolute form. Every server must accept this form, which proxies send (RFC 9112, section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?]*/i;

/**
 * Returns the path of the target of an HTTP request, without the query. Every form of a target has one, and no target throws, as it
 * does with `new URL(request.url, …)`: `//` is a path here, and the begin of a host there.
 */
export function requestPath(url = ''): string {
  // An address without a path means `/` (RFC 9110, section 4.2.3).
  return url.replace(ORIGIN, '').split('?', 1)[0] || '/';
}
