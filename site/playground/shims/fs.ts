// A page has no files: a call fails as on a system without files. A file that is missing (ENOENT) could come, and a reader of one would
// wait for it. A picture that is written, as a simulation writes it, is shown.
type Found = (error: Error) => void;

let show: (picture: string) => void = () => {};

/** Gives the text of each picture that is written from now on. */
export function onPicture(listener: (picture: string) => void): void {
  show = listener;
}

function noFiles(path: unknown): Error {
  const text = `ENOSYS: function not implemented, open '${String(path)}': a page has no files`;
  return Object.assign(new Error(text), { code: 'ENOSYS' });
}

function fail(path: unknown): never {
  throw noFiles(path);
}

function failLater(path: unknown, ...more: unknown[]): void {
  const found = more.at(-1) as Found;
  queueMicrotask(() => found(noFiles(path)));
}

export const existsSync = (): boolean => false;

export const mkdtempSync = (prefix: string): string => `${prefix}page`;

export function writeFileSync(path: string, text: string): void {
  if (!path.endsWith('.svg')) throw noFiles(path);
  show(text);
}

export const chmodSync = fail;
export const closeSync = fail;
export const ftruncateSync = fail;
export const openSync = fail;
export const readFileSync = fail;
export const statSync = fail;
export const watch = fail;
export const writeSync = fail;
export const lstat = failLater;
export const read = failLater;
export const readFile = failLater;
export const unlink = failLater;
export const constants = {};
const failAsync = async (path: unknown): Promise<never> => fail(path);
export const promises = { open: failAsync, readdir: failAsync, stat: failAsync };
export const { open, readdir, stat } = promises;
