import url from '@jspm/core/nodelibs/url';

export * from '@jspm/core/nodelibs/url';

/** As the browser writes the host of an address. */
export function domainToASCII(domain: string): string {
  try {
    return new URL(`ws://${domain}`).hostname;
  } catch {
    return '';
  }
}

export default { ...(url as object), domainToASCII };
