interface PageGlobals {
  readonly document?: { readonly baseURI: string };
  readonly location?: { readonly href: string };
}

/**
 * Returns the URL of an address, or `undefined` if it is none. In a page, the address can be relative, as that of `fetch`: to the
 * base of the document, which a `<base>` element changes and a frame without an address of its own has from its parent. In a worker,
 * it is relative to the script.
 */
export function urlOf(address: string | URL): URL | undefined {
  const { document, location } = globalThis as PageGlobals;
  const base = document?.baseURI ?? location?.href;
  return URL.canParse(String(address), base) ? new URL(address, base) : undefined;
}
