import { validateHeaderName, validateHeaderValue } from 'node:http';
import { OptionError } from '@headrace/core';

/**
 * The answer to a refused request for a WebSocket. If the answer cannot be sent, the server answers as if `authorize` had
 * thrown an error.
 */
export interface UpgradeRefusal {
  /** HTTP status from 300 to 599, for example 401. */
  readonly status: number;
  /** Additional headers, except `Connection`, `Content-Length`, `Content-Type` and `Transfer-Encoding`, which the server sets. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal that was checked, ready to send. */
export interface CheckedRefusal {
  readonly status: number;
  /** Lines of the head, without line breaks. */
  readonly headers: readonly string[];
}

/** Headers that the response already has. A second `Content-Length`, for example, would change where the response ends. */
const OWN_HEADERS = new Set(['connection', 'content-length', 'content-type', 'transfer-encoding']);

/**
 * Checks the answer that an application returned. The answer is written unchanged, so a line break in it would start a new
 * header line.
 *
 * @throws OptionError that names the part that cannot be sent
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

/** Describes an answer for the log, without secrets: a string could be a token, and the value of a header could be a cookie. */
function printed(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' ? 'an object' : String(value);
}

/** Returns the header's name. A value that the application joined to the name by mistake is omitted. */
function nameIn(header: string): string {
  return `"${/^[\w!#$%&'*+.^`|~-]{0,100}/.exec(header)![0]}"`;
}

function wrong(what: string): OptionError {
  const text = `authorize ${what}, but must give true, false, a function, or an object with a status from 300 to 599 and headers that can be sent`;
  return new OptionError('OPTION_INVALID', text, { option: 'authorize' });
}
