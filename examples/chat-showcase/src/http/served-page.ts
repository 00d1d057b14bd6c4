import { inject, injectable } from '@headrace/inject';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { bundlePage } from './page-bundle.ts';
import { pageFacts, writeFacts } from './page-facts.ts';
import { PAGE_FILES, PAGE_PROGRAM, type PageFile, type PageFiles } from './page-files.ts';
import { pageProgram } from './page-program.ts';

/** The parts that are made for the first visitor. */
interface Made {
  readonly document: PageFile;
  readonly contentSecurityPolicy: string;
}

/** The whole page as one document, its files as they are, and the policy for all of them. */
@injectable()
export class ServedPage {
  private readonly files: PageFiles;
  private readonly settings: Settings;
  private made: Promise<Made> | undefined = undefined;

  constructor(@inject(PAGE_FILES) files: PageFiles, @inject(SETTINGS) settings: Settings) {
    this.files = files;
    this.settings = settings;
  }

  /** The policy for what is not a document. */
  readonly contentSecurityPolicy = policy([], []);

  /** By path: `/` for the page itself, `/theme.css` for one of its files. */
  file(path: string): PageFile | undefined {
    return this.files.get(path);
  }

  /** The page itself. */
  document(): Promise<Made> {
    this.made ??= this.make();
    return this.made;
  }

  private async make(): Promise<Made> {
    const own = this.files.get(PAGE_PROGRAM)?.content.toString();
    const bundle = bundlePage(this.files, own ?? (await pageProgram()));
    const html = writeFacts(bundle.html, pageFacts(this.settings));
    return {
      document: { type: 'text/html; charset=utf-8', content: Buffer.from(html) },
      contentSecurityPolicy: policy(bundle.scriptHashes, bundle.styleHashes),
    };
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
