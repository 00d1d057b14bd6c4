// npm create headrace [folder] -- --template NAME
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Arguments, readArguments } from './arguments.ts';
import { DEFAULT_FOLDER, decide, type Project, templateLines } from './decisions.ts';
import { initRepository, isInRepository } from './git.ts';
import { install } from './install.ts';
import { managerWords, type PackageManager, scriptCommand } from './package-manager.ts';
import { projectFiles } from './project-files.ts';
import { writeProject } from './target-folder.ts';
import { DEFAULT_TEMPLATE } from './templates.ts';
import { inColor, showProgress, terminalQuestions } from './terminal.ts';
import { Cancelled, UserError } from './user-error.ts';

const HELP = `npm create headrace [folder] -- [options]

  -t, --template NAME  one of the list below (${DEFAULT_TEMPLATE.name})
      --name NAME      the name in package.json (the folder's)
      --no-install     do not install the dependencies
      --no-git         make no git repository
  -y, --yes            ask nothing, take defaults (folder: ${DEFAULT_FOLDER})
  -l, --list           list the templates
  -v, --version
  -h, --help

Templates:
${templateLines()
  .map((line) => `  ${line}`)
  .join('\n')}
`;

/** Runs the program with the arguments of this process. */
export async function main(): Promise<void> {
  // The reader of the output can close the pipe, as `head` does.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    const args = readArguments(process.argv.slice(2));
    if (args.show === undefined) await create(args);
    else process.stdout.write(shown(args.show));
  } catch (error) {
    if (error instanceof Cancelled) {
      process.exitCode = 130;
    } else if (error instanceof UserError) {
      console.error(`create-headrace: ${error.message}`);
      process.exitCode = 1;
    } else throw error;
  }
}

function shown(what: NonNullable<Arguments['show']>): string {
  if (what === 'help') return HELP;
  return what === 'version' ? `${ownVersion()}\n` : `${templateLines().join('\n')}\n`;
}

function ownVersion(): string {
  return ownManifest().version;
}

/** Returns the ranges of Headrace's packages that a new project depends on: those that this package was tested with. */
function packageRanges(): Record<string, string> {
  return ownManifest().devDependencies;
}

interface OwnManifest {
  readonly version: string;
  readonly devDependencies: Record<string, string>;
}

function ownManifest(): OwnManifest {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
}

async function create(args: Arguments): Promise<void> {
  const cwd = process.cwd();
  const project = await decide(args, cwd, terminalQuestions(), isInRepository);
  const commands = managerWords(process.env['npm_config_user_agent']);
  const { manager } = commands;
  const year = String(new Date().getFullYear());
  const words = { name: project.name, ranges: packageRanges(), year, ...commands };
  // From here on, Ctrl+C takes effect between the steps or ends the installation, and removes the new files.
  const cancelled = cancellation();
  const undo = writeProject(project.folder, projectFiles(project.template, words));
  if (project.git) {
    const fault = initRepository(project.folder);
    if (fault !== undefined) console.error(`create-headrace: no git repository: ${fault}`);
  }
  await setImmediate();
  const isInstalled = project.install && (await installed(manager, project.folder, cancelled));
  if (cancelled.aborted) {
    undo();
    throw new Cancelled();
  }
  const next = cdCommand(project, cwd);
  if (!isInstalled) next.push(`${manager} install`);
  next.push(scriptCommand(commands, project.template.firstScript));
  for (const command of next) console.log(inColor(command));
}

function cancellation(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}

async function installed(
  manager: PackageManager,
  folder: string,
  cancelled: AbortSignal,
): Promise<boolean> {
  if (cancelled.aborted) return false;
  const endProgress = showProgress(`${manager} install`);
  const { ok, output } = await install(manager, folder, cancelled);
  endProgress();
  if (ok || cancelled.aborted) return ok;
  console.error(`${output}\ncreate-headrace: all files are written, but ${manager} install failed`);
  process.exitCode = 1;
  return false;
}

function cdCommand({ folder, given }: Project, cwd: string): string[] {
  if (relative(cwd, folder) === '') return [];
  return [`cd ${/[^\w@%+=:,./\\~-]/.test(given) ? quoted(given) : given}`];
}

/** Returns the text as one word for a shell, without evaluation. */
function quoted(text: string): string {
  return process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}
