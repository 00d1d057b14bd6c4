import { Buffer } from 'node:buffer';
import { OptionError } from '../errors.ts';

/** Returns a URL for errors and logs, without the parts that can be secret: user, password, query and fragment. */
export function shownUrl(url: URL | string): string {
  const text = String(url);
  // The end of the password is unknown.
  if (text.includes('@') && !URL.canParse(text)) return '…';
  const [bare = ''] = text.split(/[?#]/, 1);
  const [scheme] = /^(?:[^/:]*:)?(?:\/\/)?/.exec(bare)!;
  const place = bare.slice(scheme.length).replace(/^[^/]*@/, '');
  return `${scheme}${place}${bare === text ? '' : '?…'}`;
}

/**
 * Returns the header with the user and the password of a URL, or an empty object. `fetch` refuses a URL that contains them.
 *
 * @throws OptionError `OPTION_INVALID` if the user or the password has a `%` that two hexadecimal digits do not follow
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
