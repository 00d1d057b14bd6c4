// The lists of mutants: a text file for each package, made of entries like these.
//
//     src/frame/line-frame-decoder.ts test/frame/line-frame-decoder.test.ts
//
//     a line without an end is refused as soon as it is too long
//       LineFrameDecoder.checkBegun: if (lineLength <= this.maxLength) -> if (true)
//
// The source and the test that must fail, as paths in the package or in the repository, hold for the entries below
// them. An entry says what breaks without the guard, then names the class and its member, or the function or constant,
// and in it a condition or a statement, and gives its replacement; after ` ->` may be nothing.

/** One broken variant of a source: a test of `npm test` must fail with it. */
export interface Mutant {
  /** The line of its list. */
  readonly line: number;
  readonly file: string;
  readonly test: string;
  readonly why: string;
  /** `Class.member`, or a function or a constant of the file. */
  readonly member: string;
  /** A part of the member that it has once; white space and comments do not count. */
  readonly piece: string;
  readonly replacement: string;
}

const FILES = /^(\S+\.ts) (\S+\.test\.ts)$/;
const PLACE = /^ +([\w$#.]+): (.+?) ->(?: (.+))?$/;

/** The mutants of a list, and the lines that are no part of one. */
export function parseMutants(text: string): { mutants: Mutant[]; wrong: number[] } {
  const mutants: Mutant[] = [];
  const wrong: number[] = [];
  let [file, test]: (string | undefined)[] = [];
  let why: { text: string; line: number } | undefined;
  const unfinished = (): void => {
    if (why !== undefined) wrong.push(why.line);
    why = undefined;
  };
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    const files = FILES.exec(content);
    const place = PLACE.exec(content);
    if (content === '') continue;
    if (files !== null) {
      unfinished();
      [, file, test] = files;
    } else if (!content.startsWith(' ')) {
      unfinished();
      why = { text: content, line };
    } else {
      const [, member = '', piece = '', replacement = ''] = place ?? [];
      if (member === '' || why === undefined || file === undefined || test === undefined) {
        wrong.push(line);
      } else mutants.push({ line, file, test, why: why.text, member, piece, replacement });
      why = undefined;
    }
  }
  unfinished();
  return { mutants, wrong };
}
