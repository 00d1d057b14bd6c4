// A member without a comment has that of the interface or class that declares it: an editor shows it, and so does the API
// reference. API Extractor does not look there, and marks such members "(undocumented)". Plain JavaScript: it runs with
// what is installed beside it.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// API Extractor's own, which is no dependency of this folder.
const ts = createRequire(createRequire(import.meta.url).resolve('@microsoft/api-extractor'))(
  'typescript',
);

/** The report shows no comments, it only has to find one. */
const INHERITED = 'Has the comment of the member that it implements or overrides.';

/** Writes a comment above the members that inherit one, into the declarations of entries, [{ folder, types }]: copies. */
export function writeInheritedComments(entries, compilerOptions) {
  const { options } = ts.convertCompilerOptionsFromJson(compilerOptions, '.');
  const files = entries.map(({ types }) => types);
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  for (const source of program.getSourceFiles()) {
    if (!entries.some(({ folder }) => source.fileName.startsWith(`${folder}/`))) continue;
    const places = [];
    const visit = (node) => {
      if (ts.isClassLike(node) || ts.isInterfaceDeclaration(node))
        places.push(...node.members.flatMap((member) => placeFor(member, checker)));
      ts.forEachChild(node, visit);
    };
    visit(source);
    if (places.length > 0) writeFileSync(source.fileName, withComments(source.fileName, places));
  }
}

/** Where the comment of a member goes that has no words of its own, and inherits some. */
function placeFor(member, checker) {
  const symbol = member.name && checker.getSymbolAtLocation(member.name);
  const comments = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
  if (symbol === undefined || comments.some(({ comment }) => comment !== undefined)) return [];
  if (symbol.getDocumentationComment(checker).length === 0) return [];
  const [tags] = comments;
  if (tags === undefined) return [{ at: member.getStart(), text: `/** ${INHERITED} */ ` }];
  return [{ at: tags.getStart() + '/**'.length, text: ` ${INHERITED} ` }];
}

function withComments(file, places) {
  let text = readFileSync(file, 'utf8');
  for (const { at, text: comment } of places.sort((one, other) => other.at - one.at))
    text = text.slice(0, at) + comment + text.slice(at);
  return text;
}
