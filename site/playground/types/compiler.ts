// TypeScript about one sample: its files are declarations only, all in memory.
import type * as TypeScript from 'typescript';
import type { Compiler, Explained } from './messages.ts';

/** Where a sample stands; the declarations are in the `node_modules` beside it and in `/lib`. */
export const SAMPLE = '/sample.ts';
export const LIB = '/lib';

/** As the samples are compiled in the documentation's check. */
function optionsOf(ts: typeof TypeScript): TypeScript.CompilerOptions {
  return {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    experimentalDecorators: true,
    useDefineForClassFields: false,
    skipLibCheck: true,
    skipDefaultLibCheck: true,
    noEmit: true,
  };
}

/** The language service over files that are given, and one sample that changes. */
export function languageService(
  ts: typeof TypeScript,
  files: ReadonlyMap<string, string>,
): { service: TypeScript.LanguageService; write(code: string): void } {
  const options = optionsOf(ts);
  const folders = new Set<string>(['/']);
  for (const path of files.keys()) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      folders.add(path.slice(0, at));
    }
  }
  let sample = '';
  let version = 0;
  const read = (path: string): string | undefined => (path === SAMPLE ? sample : files.get(path));
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [SAMPLE],
    getScriptVersion: (path) => (path === SAMPLE ? String(version) : '0'),
    getScriptSnapshot(path) {
      const text = read(path);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => '/',
    getDefaultLibFileName: () => `${LIB}/lib.es2023.d.ts`,
    fileExists: (path) => read(path) !== undefined,
    readFile: read,
    directoryExists: (path) => folders.has(path),
    getDirectories: (path) => {
      const start = path === '/' ? path : `${path}/`;
      const below = [...folders].filter((one) => one.startsWith(start) && one !== path);
      return [...new Set(below.map((one) => one.slice(start.length).split('/', 1)[0]!))];
    },
  });
  const write = (code: string): void => {
    if (code === sample) return;
    sample = code;
    version += 1;
  };
  return { service, write };
}

export function compilerOf(ts: typeof TypeScript, files: ReadonlyMap<string, string>): Compiler {
  const { service, write } = languageService(ts, files);
  const textOf = (parts: readonly TypeScript.SymbolDisplayPart[] = []): string =>
    ts.displayPartsToString([...parts]);
  return {
    mistakes(code) {
      write(code);
      const syntax = service.getSyntacticDiagnostics(SAMPLE);
      // Half a word changes the types of what follows: they are looked at when it can be read.
      const found = syntax.length > 0 ? syntax : service.getSemanticDiagnostics(SAMPLE);
      return found.map(({ start = 0, length = 0, messageText }) => ({
        from: start,
        to: start + length,
        line: code.slice(0, start).split('\n').length,
        text: ts.flattenDiagnosticMessageText(messageText, '\n'),
      }));
    },
    proposals(code, at) {
      write(code);
      const found = service.getCompletionsAtPosition(SAMPLE, at, {});
      return (found?.entries ?? []).map(({ name, kind }) => ({ name, kind }));
    },
    details(code, at, name) {
      write(code);
      const found = service.getCompletionEntryDetails(
        SAMPLE,
        at,
        name,
        {},
        undefined,
        {},
        undefined,
      );
      return found && explained(at, at, found);
    },
    explain(code, at) {
      write(code);
      const found = service.getQuickInfoAtPosition(SAMPLE, at);
      return found && explained(found.textSpan.start, ts.textSpanEnd(found.textSpan), found);
    },
  };

  function explained(
    from: number,
    to: number,
    about: Pick<TypeScript.QuickInfo, 'displayParts' | 'documentation'>,
  ): Explained {
    return { from, to, type: textOf(about.displayParts), words: textOf(about.documentation) };
  }
}
