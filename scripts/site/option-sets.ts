// The descriptions of options as programs have them. A process of its own loads each module that has one, and core's
// OptionSet notes itself there.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { run } from '../program.ts';
import { sourcesIn } from '../workspace.ts';

export interface DescribedOption {
  readonly allowed: string;
  /** Its default as it is documented, if it is a plain value. */
  readonly standard?: string;
}

export interface DescribedSet {
  readonly file: string;
  readonly owner: string;
  readonly kinds: Readonly<Record<string, DescribedOption>>;
}

interface Noted {
  readonly set: { readonly owner: string; readonly kinds: Readonly<Record<string, Kind>> };
  readonly stack: string;
}

interface Kind {
  readonly allowed: string;
  readonly absent: unknown;
}

const CALL = /\bdescribe(?:Options|Part)\(/;

/** All sets that the packages describe while their modules are loaded. */
export async function describedSets(root: string): Promise<readonly DescribedSet[]> {
  const register = pathToFileURL(join(root, 'scripts/register.mjs')).href;
  const program = ['--import', register, fileURLToPath(import.meta.url), root];
  const args = ['--conditions=@headrace/source', ...program];
  const { ok, stdout, output } = await run(process.execPath, args, root);
  if (!ok) throw new Error(`the descriptions were not found: ${output}`);
  return JSON.parse(stdout) as DescribedSet[];
}

async function describeAll(root: string): Promise<DescribedSet[]> {
  const noted: Noted[] = [];
  Object.assign(globalThis, { describedOptions: noted });
  register('./note-option-sets.mjs', import.meta.url);
  const files = sourcesIn(root).filter((file) => CALL.test(readFileSync(join(root, file), 'utf8')));
  for (const file of files) await import(pathToFileURL(join(root, file)).href);
  if (noted.length === 0) throw new Error(`no file below ${root} describes options`);
  // A part of a set has the options of the whole, whose interface is compared.
  const whole = noted.filter(({ stack }) => !/\bOptionSet\.without\b/.test(stack));
  return whole.map(({ set: { owner, kinds }, stack }) => ({
    file: callerIn(root, stack),
    owner,
    kinds: Object.fromEntries(
      Object.entries(kinds).map(([name, kind]) => [name, describedOption(kind)]),
    ),
  }));
}

function describedOption({ allowed, absent }: Kind): DescribedOption {
  const standard = standardText(absent, allowed.endsWith('false for off'));
  return standard === undefined ? { allowed } : { allowed, standard };
}

function standardText(absent: unknown, canBeOff: boolean): string | undefined {
  if (canBeOff && (absent === Infinity || absent === 0)) return 'false';
  if (typeof absent === 'string') return `'${absent.replace(/\n/g, '\\n')}'`;
  return typeof absent === 'number' || typeof absent === 'boolean' ? String(absent) : undefined;
}

/** The first file of the stack below those of the descriptions. */
function callerIn(root: string, stack: string): string {
  const files = [...stack.matchAll(/\/[^\s():]+\.ts/g)].map(([path]) => path);
  const caller = files.find((file) => !file.endsWith('/option-set.ts')) ?? '';
  return relative(root, caller).split(sep).join('/');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(JSON.stringify(await describeAll(process.argv[2]!)));
}
