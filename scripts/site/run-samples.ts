// Runs samples where the site's reader runs them: in a browser, by the site's own runner.
import { type Browser, chromium } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';
export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
}

export interface SampleOutcome {
  /** Lines of standard output. */
  readonly printed: readonly string[];
  readonly failure: string | undefined;
}

interface PageRunner {
  runSample(
    code: string,
    sink: {
      printed(text: string, stream: 'out' | 'error'): void;
      ended(failure?: { readonly text: string }): void;
    },
    limitMs: number,
  ): () => void;
}

/** Runs samples one after the other on the page at an address that serves `runner.js`. */
export async function runSamples(
  browser: Browser,
  runner: string,
  codes: readonly string[],
  limitMs: number,
): Promise<SampleOutcome[]> {
  const page = await browser.newPage();
  await page.goto(new URL('.', runner).href);
  const outcomes: SampleOutcome[] = [];
  for (const code of codes) {
    outcomes.push(
      await page.evaluate(
        async ({ address, sample, limit }) => {
          const { runSample } = (await import(address)) as PageRunner;
          const printed: string[] = [];
          const failure = await new Promise<string | undefined>((resolve) => {
            runSample(
              sample,
              {
                printed: (text, stream) => {
                  if (stream === 'out') printed.push(...text.split('\n').map((line) => line.trim()));
                },
                ended: (why) => resolve(why?.text),
              },
              limit,
            );
          });
          return { printed, failure };
        },
        { address: runner, sample: code, limit: limitMs },
      ),
    );
  }
  await page.close();
  return outcomes;
}
