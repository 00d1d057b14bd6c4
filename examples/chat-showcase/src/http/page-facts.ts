import type { Settings } from '../settings/settings.ts';

/** Facts about the server that the page needs before it signs in, by the name of a `meta` element. */
export function pageFacts({
  readerIdleSeconds,
  tokens,
}: Settings): Readonly<Record<string, string>> {
  return {
    'chat-idle-seconds': String(readerIdleSeconds),
    'chat-token': tokens === undefined ? 'none' : 'required',
  };
}

/** Fills in the `meta` elements that the document has for them. */
export function writeFacts(html: string, facts: Readonly<Record<string, string>>): string {
  return html.replace(/<meta name="([^"]+)" content="[^"]*">/g, (tag, name: string) =>
    name in facts ? `<meta name="${name}" content="${facts[name]}">` : tag,
  );
}
