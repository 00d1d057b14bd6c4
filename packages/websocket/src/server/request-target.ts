import type { IncomingMessage } from 'node:http';

/** The resource that a request asks for. */
export interface RequestTarget {
  /** Path without the query. */
  readonly path: string;
  readonly host: string | undefined;
}

/** Returns the target of a request. A whole address in the request line replaces the `Host` header (RFC 9112, section 3.2.2). */
export function targetOf({ url = '', headers }: IncomingMessage): RequestTarget {
  if (!url.startsWith('/') && URL.canParse(url)) {
    const { pathname, host } = new URL(url);
    return { path: pathname, host };
  }
  return { path: url.split('?', 1)[0] ?? '', host: headers.host };
}
