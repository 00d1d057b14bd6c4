// The project to write: decided from the arguments, and from the user's answers on a terminal.
import { basename, resolve } from 'node:path';
import type { Arguments } from './arguments.ts';
import { nearestTo } from './nearest.ts';
import { nameFault, validName } from './package-name.ts';
import { checkFree } from './target-folder.ts';
import { DEFAULT_TEMPLATE, TEMPLATES, type Template } from './templates.ts';
import { UserError } from './user-error.ts';

/** The folder if none is given. */
export const DEFAULT_FOLDER = 'headrace-app';

/** All that is needed to write a project. */
export interface Project {
  /** Absolute. */
  readonly folder: string;
  /** As the user wrote it: what `cd` takes. */
  readonly given: string;
  readonly name: string;
  readonly template: Template;
}

/** Asks one question; an empty line is an empty text. */
export type Ask = (question: string) => Promise<string>;

/**
 * Asks for the folder and the template if they were not given.
 *
 * @param ask - `undefined` if no question can be asked: defaults are taken, and a wrong argument is an error
 * @throws UserError if an argument, or a default, cannot be used
 */
export async function decide(
  { folder, template, name, yes }: Arguments,
  cwd: string,
  ask: Ask | undefined,
): Promise<Project> {
  const somebody = yes ? undefined : ask;
  // A wrong argument is reported before anything is asked.
  const known = template === undefined ? undefined : templateNamed(template);
  if (name !== undefined) checkName(name, '--name');
  const place =
    folder === undefined && somebody !== undefined
      ? await askFolder(somebody, cwd, name)
      : placeOf(folder ?? DEFAULT_FOLDER, cwd, name);
  const chosen = known ?? (somebody === undefined ? DEFAULT_TEMPLATE : await askTemplate(somebody));
  checkNoDependency(place.name, chosen);
  return { ...place, template: chosen };
}

type Place = Omit<Project, 'template'>;

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
  throw new UserError(`npm takes no package named "${name}": ${fault}${cure}${where}`);
}

/** npm refuses to install a package into a project of the same name. */
function checkNoDependency(name: string, { name: template }: Template): void {
  const taken = name === 'headrace' || name === 'typescript' || name.startsWith('@headrace/');
  if (!taken) return;
  throw new UserError(
    `the template ${template} depends on packages of Headrace: ${name} must have another name`,
  );
}

/** The template of this name. @throws UserError that suggests the nearest, or lists all */
export function templateNamed(given: string): Template {
  const found = TEMPLATES.find(({ name }) => name === given);
  if (found !== undefined) return found;
  const names = TEMPLATES.map(({ name }) => name);
  const near = nearestTo(given, names);
  const cure = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
  throw new UserError(`no template "${given}"; ${cure}`);
}

async function askFolder(ask: Ask, cwd: string, name: string | undefined): Promise<Place> {
  let complaint = '';
  for (;;) {
    const answer = (await ask(`${complaint}Folder (${DEFAULT_FOLDER}): `)).trim();
    try {
      return placeOf(answer || DEFAULT_FOLDER, cwd, name);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      complaint = `${error.message}\n`;
    }
  }
}

async function askTemplate(ask: Ask): Promise<Template> {
  const list = templateLines().map((line, index) => `  ${index + 1}  ${line}\n`);
  let question = `${list.join('')}Template (1): `;
  for (;;) {
    const answer = (await ask(question)).trim();
    if (answer === '') return DEFAULT_TEMPLATE;
    const byNumber = /^\d+$/.test(answer) ? TEMPLATES[Number(answer) - 1] : undefined;
    const found = byNumber ?? TEMPLATES.find(({ name }) => name === answer);
    if (found !== undefined) return found;
    question = `A number from 1 to ${TEMPLATES.length}, or a name: `;
  }
}

/** One line for each template: its name and what it is. */
export function templateLines(): string[] {
  const width = Math.max(...TEMPLATES.map(({ name }) => name.length));
  return TEMPLATES.map(({ name, description }) => `${name.padEnd(width)}  ${description}`);
}
