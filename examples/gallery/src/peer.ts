// Programs in other languages: what is needed to run one, and what to say where that is missing.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../peers/', import.meta.url));
/** Debian's netty-all.jar is empty. */
const NETTY = ['common', 'buffer', 'transport', 'codec', 'handler', 'resolver'].map(
  (part) => `/usr/share/java/netty-${part}.jar`,
);

/** How to run a peer; `remove` deletes what was compiled for it. */
export interface PeerProgram {
  readonly command: string;
  readonly args: readonly string[];
  remove(): void;
}

interface Language {
  /** The command that must be there, and Debian's package for it. */
  readonly tool: string;
  readonly debian: string;
  /** The arguments of the compiler; none for an interpreter. */
  readonly compile?: (source: string, folder: string) => readonly string[];
  readonly run: (source: string, folder: string) => readonly [string, ...string[]];
}

const classPath = (folder: string): string => [folder, ...NETTY].join(delimiter);
const compiled = (tool: string, debian: string): Language => ({
  tool,
  debian,
  compile: (source, folder) => ['-O2', '-Wall', '-o', join(folder, 'peer'), source],
  run: (_source, folder) => [join(folder, 'peer')],
});

const LANGUAGES: Readonly<Record<string, Language>> = {
  '.py': { tool: 'python3', debian: 'python3', run: (source) => ['python3', '-u', source] },
  '.php': { tool: 'php', debian: 'php-cli', run: (source) => ['php', source] },
  '.c': compiled('gcc', 'gcc'),
  '.cpp': compiled('g++', 'g++'),
  '.java': {
    tool: 'javac',
    debian: 'default-jdk-headless',
    compile: (source, folder) => ['-cp', classPath(folder), '-d', folder, source],
    run: (source, folder) => [
      'java',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      classPath(folder),
      basename(source, '.java'),
    ],
  },
};

function isThere(tool: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, tool)));
}

/** Compiles the file of `peers/` if its language needs it. @throws Error in one line, which names what to install */
export function preparePeer(file: string): PeerProgram {
  const language = LANGUAGES[extname(file)]!;
  const source = join(FOLDER, file);
  const { tool, debian } = language;
  const needed = [[tool, debian]];
  if (extname(file) === '.java') needed.push(['java', 'default-jre-headless']);
  for (const [command, name] of needed) {
    if (isThere(command!)) continue;
    throw new Error(`${file} needs ${command}: apt-get install ${name}`);
  }
  if (file.includes('Netty') && !existsSync(NETTY[0]!)) {
    throw new Error(`${file} needs ${NETTY[0]}: apt-get install libnetty-java`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'headrace-peer-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    if (language.compile !== undefined) {
      execFileSync(tool, language.compile(source, folder), { stdio: ['ignore', 'ignore', 'pipe'] });
    }
  } catch (error) {
    remove();
    throw error;
  }
  const [command, ...args] = language.run(source, folder);
  return { command, args, remove };
}
