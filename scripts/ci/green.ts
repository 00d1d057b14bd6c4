// Which steps were green on the same files before. The record is beside the logs, and survives them.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../program.ts';
import { FOR_EVERYTHING } from './debian-packages.ts';
import type { Step } from './step.ts';

interface Green {
  readonly inputs: string;
  readonly at: string;
}

export class GreenSteps {
  private readonly root: string;
  private readonly file: string;
  private readonly known: Record<string, Green>;
  /** Versions of the programs that tests use, asked once. */
  private programs: Promise<string> | undefined = undefined;

  /** @param folder - of the reports */
  constructor(root: string, folder: string) {
    this.root = root;
    this.file = join(folder, 'green.json');
    this.known = existsSync(this.file) ? JSON.parse(readFileSync(this.file, 'utf8')) : {};
  }

  /** A hash of what the step reads, and of what runs it; undefined if files of it are not committed, or if it always runs. */
  async inputsOf({ command, inputs = ['.'] }: Step): Promise<string | undefined> {
    if (inputs === 'new each time') return undefined;
    const git = (...args: string[]) => run('git', ['-c', 'safe.directory=*', ...args], this.root);
    const [files, changed] = await Promise.all([
      git('ls-files', '--stage', '--', ...inputs),
      git('status', '--porcelain', '--', ...inputs),
    ]);
    if (!files.ok || !changed.ok || changed.stdout !== '') return undefined;
    this.programs ??= versionsOf(FOR_EVERYTHING);
    const runner = [process.version, process.platform, await this.programs, ...command.slice(1)];
    return createHash('sha256').update(files.stdout).update(runner.join('\n')).digest('hex');
  }

  /** When the step was green on these inputs. */
  dateOf({ name }: Step, inputs: string | undefined): string | undefined {
    const green = this.known[name];
    return inputs !== undefined && green?.inputs === inputs ? green.at : undefined;
  }

  /** Kept at once: a run that is ended loses nothing. */
  note({ name }: Step, inputs: string): void {
    this.known[name] = { inputs, at: new Date().toISOString() };
    writeFileSync(this.file, `${JSON.stringify(this.known, null, 2)}\n`);
  }
}

/** Empty where Debian's packages are not known: nothing changes under the tests then. */
async function versionsOf(packages: readonly string[]): Promise<string> {
  const found = await run('dpkg-query', ['-W', ...packages], '/').catch(() => undefined);
  return found?.stdout ?? '';
}
