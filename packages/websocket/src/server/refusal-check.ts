import { validateHeaderName, validateHeaderValue } from 'node:http';
import { OptionError } from '@headrace/core';

/** The answer to a request for a WebSocket that is refused. One that cannot be sent is answered as if `authorize` had thrown. */
export interface UpgradeRefusal {
  /** The HTTP status, such as 401; from 300 to 599. */
  readonly status: number;
  /** Further headers; the response has a `Content-Type`, a `Content-Length` and `Connection: close` by itself. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal as it is sent. */
export interface CheckedRefusal {
  readonly status: number;
  /** Lines of the head, without line breaks. */
  readonly headers: readonly string[];
}

/** The response has them already; a second one would change where it ends. */
const OWN_HEADERS = new Set(['connection', 'content-length', 'content-type', 'transfer-encoding']);

/**
 * Checks what an application answers a request with: it is written as it is, so a line break in it would be a line of the
 * head.
 *
 * @throws OptionError that names what cannot be sent
 */
export function checkRefusal(decision: unknown): CheckedRefusal {
  if (decision === false) return { status: 403, headers: [] };
  if (typeof decision !== 'object' || decision === null) {
    throw wrong(`returned ${printed(decision)}`);
  }
  const { status, headers = {} } = decision as Partial<UpgradeRefusal>;
  if (!Number.isInteger(status) || status! < 300 || status! > 599) {
    throw wrong(`returned the status ${printed(status)}`);
  }
  if (typeof headers !== 'object' || headers === null) {
    throw wrong(`returned the headers ${printed(headers)}`);
  }
  return { status: status!, headers: Object.entries(headers).map(headerLine) };
}

function headerLine([name, value]: readonly [string, unknown]): string {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value as string);
  } catch {
    throw wrong(`returned the header ${nameIn(name)} with a name or a value that cannot be sent`);
  }
  if (OWN_HEADERS.has(name.toLowerCase())) {
    throw wrong(`returned the header ${nameIn(name)}, which the response has already`);
  }
  return `${name}: ${String(value)}`;
}

/** What is logged of an answer has no secrets: a text may be a token, and the value of a header a cookie. */
function printed(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' ? 'an object' : String(value);
}

/** The part that is a name: a value may follow where the two are not apart. */
function nameIn(header: string): string {
  return `"${/^[\w!#$%&'*+.^`|~-]{0,100}/.exec(header)![0]}"`;
}

function wrong(what: string): OptionError {
  const text = `authorize ${what}, but must give true, false, a function, or an object with a status from 300 to 599 and headers that can be sent`;
  return new OptionError('OPTION_INVALID', text, { option: 'authorize' });
}
