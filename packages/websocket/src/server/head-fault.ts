import type { IncomingMessage } from 'node:http';

/** The reason why a request is refused before it is looked at, with the status of the answer. */
export interface HeadFault {
  readonly status: number;
  readonly why: string;
}

/** Matches a host and a port (RFC 9110, section 7.2). */
const HOST = /^(?:\[[\da-f:.]+\]|[\w\-.~!$&'()*+,;=%]*)(?::\d*)?$/i;

/** Checks the head of a request that our own server has read. */
export function headFault(request: IncomingMessage): HeadFault | undefined {
  const { headers, httpVersion, httpVersionMajor } = request;
  if (httpVersionMajor !== 1) return { status: 505, why: `HTTP ${httpVersion}` };
  const isOld = httpVersion === '1.0';
  const { host, 'transfer-encoding': coding } = headers;
  if (host === undefined && !isOld) return { status: 400, why: 'no Host header' };
  if (host !== undefined && !HOST.test(host)) return { status: 400, why: 'no valid Host header' };
  if (coding !== undefined && isOld) return { status: 400, why: 'Transfer-Encoding in HTTP 1.0' };
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return { status: 501, why: 'a Transfer-Encoding other than chunked' };
  }
  return twoHosts(request);
}

/** Maximum number of headers that Node's servers show by default. Node obeys further headers, for example a `Content-Length`. */
const MAX_HEADERS = 1000;

/** Checks the head of a request that another server has read. */
export function hostedFault(request: IncomingMessage): HeadFault | undefined {
  const { headers, rawHeaders } = request;
  const isCut =
    rawHeaders.length >= 2 * MAX_HEADERS ||
    rawHeaders.some((text, i) => i % 2 === 0 && !(text.toLowerCase() in headers));
  if (isCut) return { status: 431, why: 'more headers than the server reads' };
  return twoHosts(request);
}

/** Two parts of a system could each trust a different `Host` header (RFC 9112, section 3.2). */
function twoHosts({ rawHeaders }: IncomingMessage): HeadFault | undefined {
  const hosts = rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host');
  return hosts.length > 1 ? { status: 400, why: 'more than one Host header' } : undefined;
}
