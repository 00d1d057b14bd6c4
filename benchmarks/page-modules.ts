// The modules that a page's bundle is made of, from the heaviest.
import { SourceMap, type SourceMapPayload } from 'node:module';
import { gzipSync } from 'node:zlib';

const SHOWN = 25;
/** A module of ours, or one of a library, such as `node_modules/.pnpm/eventemitter3@5.0.4/node_modules/eventemitter3/index.js`. */
const BEGIN = /^\/\/ (?:packages\/([^/]+)\/dist|node_modules\/\S*node_modules\/([^/]+))\/(\S+)$/;

type PageMap = Omit<SourceMapPayload, 'sourceRoot'>;

/** The module of each line of a built file, which has the path of a module where it begins. Others are modules themselves. */
function modulesByLine(file: string, text: string): readonly string[] {
  let module = file.split('/node_modules/').at(-1) ?? file;
  return text.split('\n').map((line) => {
    const [, own, library, path] = BEGIN.exec(line) ?? [];
    if (path !== undefined) module = `${own ?? library}/${path}`;
    return module;
  });
}

/** The minified text of each module, by what the bundle's map says of each character. */
function textsOf(code: string, map: PageMap): Map<string, string> {
  const found = new SourceMap({ ...map, sourceRoot: '' });
  const lines = new Map(
    map.sources.map((file, i) => [file, modulesByLine(file, map.sourcesContent[i] ?? '')]),
  );
  const texts = new Map<string, string>();
  for (const [row, text] of code.split('\n').entries()) {
    for (let column = 0; column < text.length; column++) {
      const place = found.findEntry(row, column);
      const known =
        'originalSource' in place
          ? lines.get(place.originalSource)?.[place.originalLine]
          : undefined;
      const module = known ?? 'the bundler';
      texts.set(module, (texts.get(module) ?? '') + text[column]);
    }
  }
  return texts;
}

const packed = (texts: Iterable<string>): number =>
  gzipSync([...texts].join('\n'), { level: 9 }).length;

/** A table: what each module takes minified, and how many bytes of gzip the bundle would save without it. */
export function heaviestModules(code: string, map: PageMap): string {
  const texts = textsOf(code, map);
  const all = packed(texts.values());
  const rows = [...texts].map(([module, { length }]) => {
    const others = [...texts].filter(([name]) => name !== module).map(([, text]) => text);
    return { module, length, saved: all - packed(others) };
  });
  const shown = rows.toSorted((one, other) => other.saved - one.saved).slice(0, SHOWN);
  const lines = shown.map(({ module, length, saved }) => `| ${module} | ${length} | ${saved} |`);
  return ['| module | minified | gzip |', '| --- | --- | --- |', ...lines].join('\n');
}
