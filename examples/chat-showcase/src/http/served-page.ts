import { inject, injectable } from '@headrace/inject';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { bundlePage } from './page-bundle.ts';
import { pageFacts, writeFacts } from './page-facts.ts';
import { PAGE_FILES, type PageFile, type PageFiles } from './page-files.ts';

/** The whole page as one document, its files as they are, and the policy for all of them. */
@injectable()
export class ServedPage {
  readonly contentSecurityPolicy: string;
  private readonly files: PageFiles;
  private readonly document: PageFile;

  constructor(@inject(PAGE_FILES) files: PageFiles, @inject(SETTINGS) settings: Settings) {
    const { html, scriptHashes, styleHashes } = bundlePage(files);
    this.files = files;
    this.document = {
      type: 'text/html; charset=utf-8',
      content: Buffer.from(writeFacts(html, pageFacts(settings))),
    };
    this.contentSecurityPolicy = policy(scriptHashes, styleHashes);
  }

  /** By path: `/` for the page itself, `/main.js` for one of its sources. */
  file(path: string): PageFile | undefined {
    return path === '/' || path === '/index.html' ? this.document : this.files.get(path);
  }
}

/** The page may load and connect to nothing but its own server, and no other site may frame it. */
function policy(scriptHashes: readonly string[], styleHashes: readonly string[]): string {
  return [
    "default-src 'none'",
    `script-src ${["'self'", ...scriptHashes].join(' ')}`,
    `style-src ${["'self'", ...styleHashes].join(' ')}`,
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
