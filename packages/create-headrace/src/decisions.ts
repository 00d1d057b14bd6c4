// The project to write, decided from the arguments and from the user's answers on a terminal.
import { basename, resolve } from 'node:path';
import type { Arguments } from './arguments.ts';
import { nearestTo } from './nearest.ts';
import { nameFault, validName } from './package-name.ts';
import { checkFree } from './target-folder.ts';
import { DEFAULT_TEMPLATE, TEMPLATES, type Template } from './templates.ts';
import { UserError } from './user-error.ts';

/** The folder if the user gives none. */
export const DEFAULT_FOLDER = 'headrace-app';

/** The information that is needed to write a project. */
export interface Project {
  /** The absolute path of the folder. */
  readonly folder: string;
  /** The folder as the user wrote it, for `cd`. */
  readonly given: string;
  readonly name: string;
  readonly template: Template;
  /** Whether to install the dependencies. */
  readonly install: boolean;
  /** Whether to make a git repository. */
  readonly git: boolean;
}

/** The questions to the user. Each question rejects with `Cancelled` if the user cancels. */
export interface Questions {
  /** @param faultOf - a function that describes the fault of an answer, or returns `undefined` for a valid answer */
  folder(fallback: string, faultOf: (answer: string) => string | undefined): Promise<string>;
  template(): Promise<Template>;
  yesOrNo(question: string): Promise<boolean>;
}

/**
 * Asks for the folder and the template if the arguments lack them, and then for the other choices.
 *
 * @param questions - the questions, `undefined` if there is no user to ask
 * @param isInRepository - whether a folder is in a repository already
 * @throws UserError if an argument cannot be used, or if a missing argument cannot be asked for
 */
export async function decide(
  args: Arguments,
  cwd: string,
  questions: Questions | undefined,
  isInRepository: (folder: string) => boolean,
): Promise<Project> {
  const { folder, template, name } = args;
  const somebody = args.yes ? undefined : questions;
  // A wrong argument is reported before the first question.
  const known = template === undefined ? undefined : templateNamed(template);
  if (name !== undefined) checkName(name, '--name');
  const given = folder === undefined ? undefined : placeOf(folder, cwd, name);
  if (somebody === undefined && !args.yes) checkComplete(args);

  const place = given ?? (await placeFrom(somebody, cwd, name));
  const chosen = known ?? (await somebody?.template()) ?? DEFAULT_TEMPLATE;
  checkNoDependency(place.name, chosen);
  // A user who has given both arguments is asked no questions.
  const asker = given === undefined || known === undefined ? somebody : undefined;
  const yesOrNo = async (wanted: boolean | undefined, question: string): Promise<boolean> =>
    wanted ?? (await asker?.yesOrNo(question)) ?? true;
  const install = await yesOrNo(args.install, 'Install the dependencies?');
  const git =
    (args.git !== undefined || !isInRepository(place.folder)) &&
    (await yesOrNo(args.git, 'Make a git repository?'));
  return { ...place, template: chosen, install, git };
}

/** Requires the folder and the template if there is no user to ask, because the program must not choose them. */
function checkComplete({ folder, template }: Arguments): void {
  const missing = [
    ...(folder === undefined ? ['a folder'] : []),
    ...(template === undefined ? ['--template NAME'] : []),
  ];
  if (missing.length === 0) return;
  throw new UserError(
    `there is no terminal to ask in: give ${missing.join(' and ')}, ` +
      `or --yes for the defaults (${DEFAULT_FOLDER}, ${DEFAULT_TEMPLATE.name})`,
  );
}

type Place = Pick<Project, 'folder' | 'given' | 'name'>;

function placeOf(given: string, cwd: string, name: string | undefined): Place {
  const folder = resolve(cwd, given);
  const own = name ?? basename(folder);
  if (name === undefined) checkName(own, 'folder');
  checkFree(folder, given);
  return { folder, given, name: own };
}

function checkName(name: string, source: 'folder' | '--name'): void {
  const fault = nameFault(name);
  if (fault === undefined) return;
  const near = validName(name);
  const cure = near === undefined ? '' : `; ${near} would do`;
  const where = source === 'folder' ? ', which is the folder’s, unless --name gives another' : '';
  throw new UserError(`not a valid npm package name: "${name}": ${fault}${cure}${where}`);
}

/** Refuses the names of the project's dependencies, because npm cannot install a package into a project of the same name. */
function checkNoDependency(name: string, { name: template }: Template): void {
  const taken = name === 'headrace' || name === 'typescript' || name.startsWith('@headrace/');
  if (!taken) return;
  throw new UserError(
    `the template ${template} depends on packages of Headrace: ${name} must have another name`,
  );
}

/** Returns the template of this name. @throws UserError that suggests the nearest name, or lists all names */
export function templateNamed(given: string): Template {
  const found = TEMPLATES.find(({ name }) => name === given);
  if (found !== undefined) return found;
  const names = TEMPLATES.map(({ name }) => name);
  const near = nearestTo(given, names);
  const cure = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
  throw new UserError(`no template "${given}"; ${cure}`);
}

async function placeFrom(
  questions: Questions | undefined,
  cwd: string,
  name: string | undefined,
): Promise<Place> {
  const faultOf = (answer: string): string | undefined => {
    try {
      placeOf(answer, cwd, name);
      return undefined;
    } catch (error) {
      if (error instanceof UserError) return error.message;
      throw error;
    }
  };
  const answer = await questions?.folder(DEFAULT_FOLDER, faultOf);
  return placeOf(answer ?? DEFAULT_FOLDER, cwd, name);
}

/** Returns one line for each template: its name and its description. */
export function templateLines(): string[] {
  const width = Math.max(...TEMPLATES.map(({ name }) => name.length));
  return TEMPLATES.map(({ name, description }) => `${name.padEnd(width)}  ${description}`);
}
