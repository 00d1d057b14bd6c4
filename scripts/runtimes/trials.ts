// The trials of runtimes/trial.mjs on a runtime, with the packages as they are published.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority } from '../../packages/core/test/fixture/certificates.ts';
import { WORK } from '../packed-packages.ts';
import { run } from '../program.ts';
import type { Runtime } from './installed-runtimes.ts';
import type { Report } from './suites.ts';

/** For a runtime that hangs; each trial has a limit of its own. */
const LIMIT_MS = 300_000;

/** Runs the trials; {@link packAll} comes before. Rejects if the program prints anything else than its report. */
export async function trialReport(
  root: string,
  { path, args }: Pick<Runtime, 'path' | 'args'>,
): Promise<Report> {
  const authority = await makeAuthority('ours');
  const certificates = { ca: authority.ca, localhost: await authority.sign('localhost') };
  const env = { ...process.env, TRIAL_CERTIFICATES: JSON.stringify(certificates) };
  // There its imports find the packed packages.
  const program = join(root, WORK, 'trial.mjs');
  cpSync(join(root, 'scripts/runtimes/trial.mjs'), program);
  const { ok, output } = await run(path, [...args, program], root, { env, limitMs: LIMIT_MS });
  if (!ok || !/^\{.*\}$/.test(output)) throw new Error(`the trials print more: ${output}`);
  return JSON.parse(output);
}
