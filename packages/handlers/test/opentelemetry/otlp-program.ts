import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** What a program of this repository prints that runs to its end. */
async function printedBy(path: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const register = pathOf('../../../../scripts/register.mjs');
  const args = ['--conditions=@headrace/source', '--import', register, pathOf(path)];
  const options = { env: { ...process.env, ...env } };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, options);
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

/**
 * Runs otlp-run.ts.
 *
 * @param endpoint - of the collector, as a URL without a path
 * @returns the port of its server
 */
export async function exportTo(endpoint: string): Promise<number> {
  return Number(await printedBy('./otlp-run.ts', { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }));
}

/** The program of a collector, installed; an empty text where there is none for this platform. */
export function collectorProgram(): Promise<string> {
  return printedBy('../../../../scripts/collector/program-path.ts');
}
