import { Buffer } from 'node:buffer';
import { OptionError } from '../errors.ts';

/** A URL for errors and logs: its user, its password, its query and its fragment may be secrets. */
export function shownUrl(url: URL | string): string {
  const text = String(url);
  // It is unknown where its password ends.
  if (text.includes('@') && !URL.canParse(text)) return '…';
  return text.replace(/^([^/?#]*:)?(\/\/)?[^/?#]*@/, '$1$2').replace(/[?#].*$/s, '?…');
}

/**
 * The header that says the user and the password of a URL; none without them. `fetch` refuses a URL that has them.
 *
 * @throws OptionError `OPTION_INVALID` if one has a `%` that two hexadecimal digits do not follow
 */
export function credentialsOf({ username, password }: URL): { readonly Authorization?: string } {
  if (username === '' && password === '') return {};
  const text = `${decoded(username)}:${decoded(password)}`;
  return { Authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    const text =
      'the user or the password of the URL has a % that two hexadecimal digits do not follow';
    throw new OptionError('OPTION_INVALID', text, { option: 'url' });
  }
}
