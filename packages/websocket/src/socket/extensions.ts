/** One extension of a header `Sec-WebSocket-Extensions`, with its parameters in the header's order. */
export interface Extension {
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, value: string | undefined])[];
}

const TOKEN_CHARACTER = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const TOKEN = `${TOKEN_CHARACTER}+`;
const SPACE = '[ \\t]*';
/**
 * Matches a token or a quoted token (RFC 6455, section 9.1), which contains no comma and no semicolon. Each character matches in
 * only one way. Otherwise an unterminated value from a stranger could block the event loop.
 */
const VALUE = `(?:${TOKEN}|"(?:\\\\?${TOKEN_CHARACTER})+")`;
const PARAMETER = `;${SPACE}${TOKEN}${SPACE}(?:=${SPACE}${VALUE}${SPACE})?`;
const EXTENSION = `${SPACE}${TOKEN}${SPACE}(?:${PARAMETER})*`;
const EXTENSIONS = new RegExp(`^${EXTENSION}(?:,${EXTENSION})*$`);
const TOKENS = new RegExp(`^${SPACE}${TOKEN}${SPACE}(?:,${SPACE}${TOKEN}${SPACE})*$`);
const ONE_TOKEN = new RegExp(`^${TOKEN}$`);

/** @throws Error for a header that breaks the syntax */
export function parseExtensions(header: string): readonly Extension[] {
  if (!EXTENSIONS.test(header)) throw new Error('Invalid Sec-WebSocket-Extensions header');
  return header.split(',').map((extension) => {
    const [name = '', ...parameters] = extension.split(';').map((part) => part.trim());
    return { name, parameters: parameters.map(parseParameter) };
  });
}

function parseParameter(text: string): readonly [string, string | undefined] {
  const [name = '', value] = text.split('=').map((part) => part.trim());
  return [name, value?.replaceAll(/["\\]/g, '')];
}

/**
 * Returns the names of a header `Sec-WebSocket-Protocol`.
 *
 * @throws Error for a header that breaks the syntax or repeats a name
 */
export function parseSubprotocols(header: string): ReadonlySet<string> {
  const names = header.split(',').map((name) => name.trim());
  const all = new Set(names);
  if (!TOKENS.test(header) || all.size < names.length) {
    throw new Error('Invalid Sec-WebSocket-Protocol header');
  }
  return all;
}

/** Returns true for a valid name of a subprotocol. */
export function isToken(text: string): boolean {
  return ONE_TOKEN.test(text);
}
